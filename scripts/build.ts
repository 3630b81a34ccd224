/** `npm run build`: one file, `dist/dnscol.js`, that any Node from 20 on runs with nothing else installed. */
import { mkdir, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/dnscol.js',
  bundle: true,
  platform: 'node',
  target: 'node20',
  // CommonJS, because that is what a file named .js is to every Node when it is copied somewhere on its own.
  format: 'cjs',
  // Pure ASCII: one character above Latin-1 would make V8 keep the whole source with two bytes a character.
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: false,
  legalComments: 'linked',
  banner: { js: '#!/usr/bin/env node' },
  logLevel: 'warning',
});
await mkdir('dist', { recursive: true });
await writeFile('dist/package.json', '{ "type": "commonjs" }\n');
