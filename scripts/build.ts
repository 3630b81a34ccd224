/** `npm run build`: one file, `dist/dnscol.js`, that any Node from 20 on runs with nothing else installed. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type BuildOptions, build } from 'esbuild';

const options = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  // CommonJS, because that is what a file named .js is to every Node when it is copied somewhere on its own.
  format: 'cjs',
  // Packages as ES modules where they have them: what nobody uses of them is left out.
  mainFields: ['module', 'main'],
  // Pure ASCII: one character above Latin-1 would make V8 keep the whole source with two bytes a character.
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: false,
  logLevel: 'warning',
  // The one place that asks for its own address does so only when it is not bundled.
  logOverride: { 'empty-import-meta': 'silent' },
} as const satisfies BuildOptions;

// A bundle has no second file to start a thread from: the thread's program goes into it as a text.
const thread = await build({ ...options, entryPoints: ['src/linux/netns/worker.ts'], write: false });

await build({
  ...options,
  entryPoints: ['src/main.ts'],
  outfile: 'dist/dnscol.js',
  legalComments: 'linked',
  banner: { js: '#!/usr/bin/env node' },
  define: { NETNS_WORKER: JSON.stringify(thread.outputFiles[0]!.text) },
});
// esbuild leaves regular expressions as they are: there a character beyond ASCII needs an escape in the source.
const odd = (await readFile('dist/dnscol.js', 'latin1')).match(/.{0,40}[\x80-\xff].{0,40}/);
if (odd) throw new Error(`the bundle must be pure ASCII, and is not at ${JSON.stringify(odd[0])}`);
await mkdir('dist', { recursive: true });
await writeFile('dist/package.json', '{ "type": "commonjs" }\n');
