import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { expect } from 'chai';
import type { ExporterFactory } from '#component';
import { parse } from '#config';
import type { Batch } from '#metrics';
import file from '../../../exporters/file/file.ts';
import { exporterContract } from '../../contract/exporter.ts';
import { batchOf, snapshotOf } from '../../support/batch.ts';
import { fakeHost } from '../../support/host.ts';
import { decodeRequest, EVERY_VALUE, everyType, flatPoints, pageOf, withoutDefaults } from '../../support/otlp.ts';
import type { Message } from '../../support/protobuf.ts';
import { until } from '../../support/servers.ts';

const never = new AbortController().signal;
const factory = file as ExporterFactory;
const gauge = (n: number, text = ''): Batch =>
  batchOf(snapshotOf(pageOf([['gauge', 'g', ['g', { text }]]]), [n], 1_700_000_000_000));

describe('exporters/file', () => {
  let folder: string;
  let target: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'dnscol-file-'));
    target = path.join(folder, 'out.jsonl');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  exporterContract(file, {
    config: () => ({ path: target }),
    cannotStart: { config: () => ({ path: path.join(folder, 'no', 'out') }), says: path.join('no', 'out') },
  });

  const make = async (config: Record<string, unknown> = {}) => {
    const host = fakeHost('exporter', 'file');
    const exporter = factory.create(parse(factory.config, { path: target, ...config }), host);
    await exporter.start?.(never);
    return { exporter, host };
  };
  const requests = async (name = target): Promise<Message[]> =>
    (await readFile(name, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  const numbers = (all: Message[]) => all.flatMap((request) => flatPoints(request).map(({ point }) => point.asDouble));

  it('writes a line of OTLP/JSON for each batch', async () => {
    const { exporter } = await make();
    await exporter.consume(batchOf(snapshotOf(everyType(), EVERY_VALUE)), never);
    await exporter.consume(gauge(2, 'a\nb'), never);
    await exporter.stop?.(never);
    const [first, second] = await requests();
    expect(flatPoints(first!)).to.have.length(8);
    expect(flatPoints(second!)[0]!.attributes).to.deep.equal({ text: 'a\nb' });
  });

  const framed = async (unpack: (bytes: Buffer) => Buffer): Promise<Buffer[]> => {
    const bytes = await readFile(target);
    const messages: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = bytes.readUInt32BE(at);
      messages.push(unpack(bytes.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    return messages;
  };

  it('writes protobuf behind its length, and the same as in JSON', async () => {
    const batch = batchOf(snapshotOf(everyType(), EVERY_VALUE));
    const json = await make({ path: `${target}.json` });
    const proto = await make({ format: 'proto' });
    for (const { exporter } of [json, proto]) {
      await exporter.consume(batch, never);
      await exporter.consume(gauge(2), never);
      await exporter.stop?.(never);
    }
    const messages = (await framed((bytes) => bytes)).map((bytes) => withoutDefaults(decodeRequest(bytes)));
    expect(messages).to.deep.equal((await requests(`${target}.json`)).map(withoutDefaults));
  });

  it('compresses each request by itself', async () => {
    const { exporter } = await make({ compression: 'zstd' });
    for (const n of [1, 2]) await exporter.consume(gauge(n), never);
    await exporter.stop?.(never);
    const messages = await framed((bytes) => zlib.zstdDecompressSync(bytes));
    expect(numbers(messages.map((bytes) => JSON.parse(bytes.toString())))).to.deep.equal([1, 2]);
  });

  it('writes what waits after flush_interval', async () => {
    const { exporter, host } = await make({ flush_interval: '2s' });
    await exporter.consume(gauge(1), never);
    await host.clock.advance(1999);
    expect((await stat(target)).size).to.equal(0);
    await host.clock.advance(1);
    await until(() => host.statuses.length > 0);
    expect(numbers(await requests())).to.deep.equal([1]);
    await exporter.stop?.(never);
    expect(host.clock.pending).to.equal(0);
  });

  it('writes at once when flush_interval is 0 or 64 KiB wait', async () => {
    const { exporter } = await make({ flush_interval: 0 });
    await exporter.consume(gauge(1), never);
    expect(numbers(await requests())).to.deep.equal([1]);
    await exporter.stop?.(never);
    const large = await make();
    await large.exporter.consume(gauge(2, 'x'.repeat(70_000)), never);
    expect(numbers(await requests())).to.deep.equal([2]);
    await large.exporter.stop?.(never);
  });

  const begins = (title: string, config: Record<string, unknown>, want: string) =>
    it(title, async () => {
      await writeFile(target, 'before\n');
      const { exporter } = await make(config);
      await exporter.stop?.(never);
      expect(await readFile(target, 'utf8')).to.equal(want);
    });
  begins('empties the file at start-up', {}, '');
  begins('goes on after what is there with append', { append: true }, 'before\n');
  begins('goes on after what is there with rotation', { rotation: {} }, 'before\n');

  describe('rotation', () => {
    const half = 'x'.repeat(600_000);
    const rotating = (rotation: Record<string, unknown>) =>
      make({ flush_interval: 0, rotation: { max_megabytes: 1, ...rotation } });
    const old = async () => (await readdir(folder)).filter((name) => name !== 'out.jsonl').sort();

    it('begins a new file before one grows past max_megabytes, and loses nothing', async () => {
      const { exporter, host } = await rotating({});
      for (const n of [1, 2, 3]) {
        await exporter.consume(gauge(n, half), never);
        await host.clock.advance(1000);
      }
      await exporter.stop?.(never);
      expect(await old()).to.deep.equal(['out-2023-11-14T22-13-21.000.jsonl', 'out-2023-11-14T22-13-22.000.jsonl']);
      const all = await Promise.all([...(await old()), 'out.jsonl'].map((name) => requests(path.join(folder, name))));
      expect(all.map(numbers)).to.deep.equal([[1], [2], [3]]);
    });

    it('keeps apart what is rotated in the same millisecond', async () => {
      const { exporter } = await rotating({});
      for (const n of [1, 2, 3]) await exporter.consume(gauge(n, half), never);
      await exporter.stop?.(never);
      expect(await old()).to.deep.equal(['out-2023-11-14T22-13-20.000.jsonl', 'out-2023-11-14T22-13-20.001.jsonl']);
    });

    it('deletes what is beyond max_backups and max_days, and nothing else', async () => {
      await writeFile(path.join(folder, 'out-2023-11-01T00-00-00.000.jsonl'), '');
      await writeFile(path.join(folder, 'out-of-scope.jsonl'), '');
      const { exporter, host } = await rotating({ max_backups: 2, max_days: 3 });
      for (const n of [1, 2, 3, 4, 5]) {
        await exporter.consume(gauge(n, half), never);
        await host.clock.advance(1000);
      }
      await exporter.stop?.(never);
      expect(await old()).to.deep.equal([
        'out-2023-11-14T22-13-23.000.jsonl',
        'out-2023-11-14T22-13-24.000.jsonl',
        'out-of-scope.jsonl',
      ]);
    });
  });

  it('makes the directory when told to', async () => {
    const inside = path.join(folder, 'a', 'b', 'out');
    const { exporter } = await make({ path: inside, create_directory: true, directory_permissions: '0700' });
    await exporter.stop?.(never);
    expect((await stat(path.dirname(inside))).mode & 0o777).to.equal(0o700);
  });

  describe('on a disk that takes nothing', () => {
    /** Rotation renames onto a folder that is gone, so that writing fails until it is back. */
    const broken = async () => {
      const inside = path.join(folder, 'in');
      await mkdir(inside);
      const made = await make({ path: path.join(inside, 'out'), flush_interval: '1s', rotation: { max_megabytes: 1 } });
      await made.exporter.consume(gauge(0, 'x'.repeat(1 << 20)), never);
      await rm(inside, { recursive: true });
      return { ...made, inside };
    };

    it('keeps what it has, says so, and writes it when it can', async () => {
      const { exporter, host, inside } = await broken();
      await exporter.consume(gauge(1, 'x'.repeat(70_000)), never);
      expect(host.statuses.at(-1)!.status).to.equal('recoverable');
      expect(host.logs.map(({ level }) => level)).to.deep.equal(['error']);
      await mkdir(inside);
      await writeFile(path.join(inside, 'out'), '');
      await host.clock.advance(1000);
      await until(() => host.statuses.at(-1)!.status === 'ok');
      await exporter.stop?.(never);
      expect(numbers(await requests(path.join(inside, 'out')))).to.deep.equal([1]);
      expect(host.metric('otelcol_exporter_send_failed_metric_points')).to.equal(undefined);
    });

    it('refuses more when 4 MiB wait, and counts what it still has when it stops', async () => {
      const { exporter, host } = await broken();
      let taken = 0;
      let refused: Error | undefined;
      while (!refused && taken < 20) {
        refused = await exporter.consume(gauge(1, 'x'.repeat(1 << 20)), never).then(
          () => undefined,
          (error) => error,
        );
        taken++;
      }
      expect(refused?.message).to.include('does not take what already waits');
      await exporter.stop?.(never);
      expect(host.metric('otelcol_exporter_send_failed_metric_points', { reason: 'write' })).to.equal(taken - 1);
    });
  });

  describe('configuration', () => {
    const refuses = (title: string, config: Record<string, unknown>, message: string) =>
      it(`refuses ${title}`, () => {
        expect(() => parse(factory.config, { path: '/tmp/x', ...config })).to.throw(message);
      });
    refuses('to be without a path', { path: null }, 'path: must have a value');
    refuses('append with rotation', { append: true, rotation: {} }, 'append: cannot be used with rotation');
    refuses(
      'append with compression',
      { append: true, compression: 'zstd' },
      'append: cannot be used with compression',
    );
    refuses('encoding extensions', { encoding: 'otlp_encoding' }, 'encoding: is not supported yet');
    refuses('group_by', { group_by: { enabled: true } }, 'group_by.enabled: is not supported yet');
    refuses('permissions that are none', { directory_permissions: 'rwx' }, 'must be permissions in octal');

    it("has the Collector's defaults", () => {
      expect(parse(factory.config, { path: '/x', rotation: null, group_by: null })).to.deep.include({
        format: 'json',
        append: false,
        flush_interval: 1000,
        rotation: { max_megabytes: 100, max_days: 0, max_backups: 100, localtime: false },
      });
    });
  });
});
