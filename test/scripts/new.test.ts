import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { registered } from '../../scripts/templates.ts';
import { KINDS } from '../../src/config/factories.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const bin = (name: string) => join(ROOT, 'node_modules/.bin', name);

/** A checkout that shares everything with this one but its own components and their list. */
async function checkout(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dnscol-new-'));
  await mkdir(join(folder, 'src'));
  await mkdir(join(folder, 'test'));
  for (const name of await readdir(join(ROOT, 'src'))) {
    if (name !== 'components.ts') await symlink(join(ROOT, 'src', name), join(folder, 'src', name));
  }
  for (const name of ['node_modules', 'tsconfig.json', 'biome.json'])
    await symlink(join(ROOT, name), join(folder, name));
  for (const name of ['package.json', 'src/components.ts']) await cp(join(ROOT, name), join(folder, name));
  return folder;
}

describe('npm run new', () => {
  let folder = '';
  before(async () => {
    folder = await checkout();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const make = (kind: string, name: string) =>
    run(bin('node'), [join(ROOT, 'scripts/new.ts'), kind, name], { cwd: folder });

  it('makes a component of each kind, whose own test passes', async () => {
    for (const kind of KINDS) await make(kind, `my_${kind}`);
    const tests = KINDS.map((kind) => `test/${kind}s/my_${kind}/my_${kind}.test.ts`);
    const { stdout } = await run(bin('mocha'), ['--no-config', ...tests], { cwd: folder });
    expect(stdout).to.include('4 passing');
  });

  it('writes what the linter and the formatter find no fault with', async () => {
    const made = KINDS.flatMap((kind) => [`${kind}s`, `test/${kind}s`]);
    await run(bin('biome'), ['check', '--vcs-enabled=false', ...made, 'src/components.ts'], { cwd: folder });
  });

  it('writes what type-checks', async () => {
    const made = KINDS.map((kind) => `${kind}s/my_${kind}/my_${kind}.ts`);
    const text = await readFile(join(ROOT, 'tsconfig.json'), 'utf8');
    const { compilerOptions } = JSON.parse(text);
    const flags = [
      '--noEmit',
      '--strict',
      '--types',
      'node',
      '--module',
      compilerOptions.module,
      '--target',
      compilerOptions.target,
    ];
    await run(bin('tsc'), [...flags, '--ignoreConfig', '--allowImportingTsExtensions', '--skipLibCheck', ...made], {
      cwd: folder,
    });
  });

  it('does not write over what is there', async () => {
    const error = await make('receiver', 'my_receiver').catch((e) => e);
    expect(error).to.include({ code: 1 });
    expect(error.stderr).to.equal('receivers/my_receiver/README.md is there already\n');
  });

  const refuses = (kind: string, name: string, words: string) =>
    it(`refuses ${kind} ${name}`, async () => {
      const error = await make(kind, name).catch((e) => e);
      expect(error.stderr).to.include(words);
    });
  refuses('connector', 'x', 'a kind is one of receiver, processor, exporter, extension');
  refuses('receiver', 'My-Thing', 'lower_snake_case');
  refuses('receiver', '../x', 'lower_snake_case');

  it('puts a line where the alphabet has it, also into an empty section', () => {
    const list = "  receiver: {\n    a: () => import('x'),\n    c: () => import('x'),\n  },\n  exporter: {},\n";
    const lines = registered(list, 'receiver', 'b').split('\n');
    expect(lines[2]).to.equal("    b: () => import('../receivers/b/b.ts'),");
    expect(registered(list, 'exporter', 'b')).to.include(
      "  exporter: {\n    b: () => import('../exporters/b/b.ts'),\n  },",
    );
  });
});
