import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { expect } from 'chai';
import type { Extension, ExtensionFactory } from '#component';
import { parse } from '#config';
import factory from '../../../extensions/file_storage/file_storage.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const never = new AbortController().signal;
const { create, config: schema } = factory as ExtensionFactory;

describe('extension file_storage', () => {
  let tree: Tree;
  let host: FakeHost;
  const running: Extension[] = [];

  beforeEach(() => {
    tree = makeTree();
    host = fakeHost('extension', 'file_storage');
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop?.(never);
    tree.remove();
  });

  function make(config: Record<string, unknown> = {}): Extension {
    const made = create(parse(schema, { directory: `${tree.path}/q`, timeout: '0s', ...config }), host);
    running.push(made);
    return made;
  }
  const start = async (config?: Record<string, unknown>) => {
    const made = make(config);
    await made.start?.(never);
    return made;
  };
  const failure = (work: Promise<unknown>): Promise<Error> =>
    work.then(
      () => expect.fail('it started'),
      (error) => error,
    );

  it('lends each component a folder of its own, and none outside of the directory', () => {
    const { storage } = make({ max_size: '5MiB', fsync: true });
    const folder = (id: string) => storage!.lend('exporter', id).folder;
    expect(storage!.lend('exporter', 'otlphttp/main')).to.deep.equal({
      folder: `${tree.path}/q/exporter_otlphttp_main`,
      maxBytes: 5 << 20,
      fsync: true,
    });
    expect(folder('otlphttp/../../x')).to.equal(`${tree.path}/q/exporter_otlphttp_.._.._x`);
    expect(folder('otlphttp/a b')).to.equal(`${tree.path}/q/exporter_otlphttp_a%20b`);
    const long = `otlphttp/${'x'.repeat(400)}`;
    expect(folder(long).length).to.be.lessThan(tree.path.length + 230);
    expect(folder(`${long}1`)).to.not.equal(folder(`${long}2`));
  });

  it('max_size 0 is no bound', () => {
    expect(make({ max_size: 0 }).storage!.lend('exporter', 'x').maxBytes).to.equal(Number.POSITIVE_INFINITY);
  });

  it('making it touches nothing', () => {
    make();
    expect(existsSync(`${tree.path}/q`)).to.equal(false);
  });

  it('makes the directory with its permissions', async () => {
    await start({ directory_permissions: '0700' });
    expect(statSync(`${tree.path}/q`).mode & 0o777).to.equal(0o700);
  });

  it('does not make it where told not to, and says so', async () => {
    const error = await failure(start({ create_directory: false }));
    expect(error.message).to.equal(`cannot use the directory ${tree.path}/q`);
    expect(String(error.cause)).to.match(/ENOENT/);
  });

  it('says that the directory is a file', async () => {
    tree.write({ q: 'file' });
    expect((await failure(start())).message).to.equal(`cannot use the directory ${tree.path}/q`);
  });

  it('does not hang where no directory can be made, and says why', async () => {
    const error = await failure(start({ directory: '/proc/no-such' }));
    expect(error.message).to.equal('cannot use the directory /proc/no-such');
    expect(String(error.cause)).to.contain('no folder can be made in /proc');
  });

  it('a second one on the directory does not start, and says who has it', async () => {
    const first = await start();
    const error = await failure(start());
    expect(error.message).to.equal(
      `another process (PID ${process.pid} where it runs) uses ${tree.path}/q: every instance needs a directory of its own`,
    );
    await first.stop?.(never);
    await start();
  });

  it('a process that was killed leaves no lock behind', async () => {
    mkdirSync(`${tree.path}/q`);
    const script = `
      import factory from '${new URL('../../../extensions/file_storage/file_storage.ts', import.meta.url)}';
      import { fakeHost } from '${new URL('../../support/host.ts', import.meta.url)}';
      const config = { directory: '${tree.path}/q', create_directory: true, directory_permissions: '0750', timeout: 0 };
      await factory.create(config, fakeHost('extension')).start(new AbortController().signal);
      process.stdout.write('locked');
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: new URL('../../..', import.meta.url).pathname,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout, 'data');
    const error = await failure(start());
    expect(error.message).to.contain(`PID ${child.pid}`);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await start();
  });

  it('where flock cannot be called, the lock file says who has the directory', async () => {
    const root = new URL('../../../', import.meta.url).href;
    const script = `
      process.getBuiltinModule = () => undefined;
      const { takeFolder } = await import('${root}src/queue/disk/lock.ts');
      const { systemClock: clock } = await import('${root}src/clock.ts');
      const options = { create: true, mode: 0o750, timeout: 0, clock, signal: new AbortController().signal };
      process.stdout.write(await takeFolder('${tree.path}/q', options).then(() => 'locked', (error) => error.message));
      setInterval(() => {}, 1000);
    `;
    const children: ReturnType<typeof spawn>[] = [];
    const next = async (): Promise<string> => {
      const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
        cwd: new URL('../../..', import.meta.url).pathname,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.push(child);
      const [said] = (await once(child.stdout!, 'data')) as [Buffer];
      return said.toString();
    };
    try {
      expect(await next()).to.equal('locked');
      expect(await next()).to.contain(`PID ${children[0]!.pid}`);
      children[0]!.kill('SIGKILL');
      await once(children[0]!, 'exit');
      expect(await next()).to.equal('locked');
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
  });

  it('a stale lock file, or nonsense in it, is no obstacle', async () => {
    tree.write({ 'q/lock': `{"pid":1,"startTicks":1,"namespace":"x","boot":"y"}` });
    await (await start()).stop?.(never);
    tree.write({ 'q/lock': 'nonsense' });
    await start();
  });

  it('takes the options of the Collector', () => {
    const written = {
      directory: '/d',
      timeout: '10s',
      fsync: true,
      create_directory: true,
      directory_permissions: '0700',
      recreate: true,
      max_size: 1_000_000,
      compaction: {
        directory: '/tmp',
        on_start: true,
        on_rebound: true,
        rebound_needed_threshold_mib: 1,
        rebound_trigger_threshold_mib: 1,
        max_transaction_size: 2,
        check_interval: '3s',
        cleanup_on_start: true,
      },
    };
    expect(parse(schema, written)).to.include({ max_size: 1_000_000, timeout: 10_000 });
    expect(parse(schema, {})).to.include({ directory: '/var/lib/otelcol/file_storage', max_size: 1 << 30 });
    expect(() => parse(schema, { directory_permissions: '99' })).to.throw(/octal/);
  });
});
