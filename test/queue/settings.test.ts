import { expect } from 'chai';
import { object, parse } from '#config';
import { retryAfter, retryOnFailure, sendingQueue, withElapsedTime } from '#queue';

const both = object({ retry_on_failure: retryOnFailure(), sending_queue: sendingQueue() });

const refuses = (options: Record<string, unknown>, message: RegExp) =>
  it(`${JSON.stringify(options)} is refused`, () => {
    expect(() => parse(both, options)).to.throw(message);
  });

describe('queue: settings', () => {
  it("have the Collector's defaults", () => {
    expect(parse(both, {})).to.deep.equal({
      retry_on_failure: {
        enabled: true,
        initial_interval: 5000,
        randomization_factor: 0.5,
        multiplier: 1.5,
        max_interval: 30_000,
        max_elapsed_time: undefined,
      },
      sending_queue: {
        enabled: true,
        num_consumers: 10,
        queue_size: 1000,
        sizer: 'requests',
        wait_for_result: false,
        block_on_overflow: false,
        when_full: 'drop_newest',
        storage: undefined,
        batch: undefined,
      },
    });
  });

  it('an empty batch section has its own defaults', () => {
    const { batch } = parse(both, { sending_queue: { batch: {} } }).sending_queue;
    expect(batch).to.deep.equal({ flush_timeout: 200, min_size: 8192, max_size: 0, sizer: 'items' });
  });

  it('an exporter may have retry defaults of its own', () => {
    const { schema } = retryOnFailure({ initial_interval: '50ms' });
    expect(parse(schema, {})).to.include({ initial_interval: 50, max_interval: 30_000 });
    expect(schema.rows!('r').find((row) => row.key === 'r.initial_interval')).to.have.property('default', '"50ms"');
  });

  it('the text about max_elapsed_time is true where an exporter has a default of its own', () => {
    const row = (defaults: Parameters<typeof retryOnFailure>[0]) =>
      retryOnFailure(defaults).schema.rows!('r').find(({ key }) => key === 'r.max_elapsed_time')!;
    expect(row({})).to.include({ default: '' }).and.have.property('doc').that.includes('`300s` when left out');
    const own = row({ max_elapsed_time: '0s' });
    expect(own).to.include({ default: '"0s"' }).and.have.property('doc').that.does.not.include('300s');
  });

  it('a queue on disk has no bound of its own, unless one is given', () => {
    const size = (queue: Record<string, unknown>) => parse(both, { sending_queue: queue }).sending_queue.queue_size;
    expect(size({ storage: 'file_storage' })).to.equal(Number.POSITIVE_INFINITY);
    expect(size({ storage: 'file_storage', queue_size: 5 })).to.equal(5);
  });

  it('requests are given up after five minutes in memory, and never on disk, unless told otherwise', () => {
    const { retry_on_failure: retry } = parse(both, {});
    expect(withElapsedTime(retry, false).max_elapsed_time).to.equal(300_000);
    expect(withElapsedTime(retry, true).max_elapsed_time).to.equal(0);
    const told = parse(both, { retry_on_failure: { max_elapsed_time: '1m' } }).retry_on_failure;
    expect(withElapsedTime(told, true).max_elapsed_time).to.equal(60_000);
  });

  refuses(
    { sending_queue: { storage: 'file_storage', wait_for_result: true } },
    /wait_for_result: cannot be with storage/,
  );
  refuses({ sending_queue: { when_full: 'drop_oldest', block_on_overflow: true } }, /when_full: cannot be with/);
  refuses({ sending_queue: { when_full: 'drop_all' } }, /must be one of drop_newest, drop_oldest/);
  refuses({ sending_queue: { sizer: 'boxes' } }, /must be one of requests, items, bytes/);
  refuses({ sending_queue: { queue_size: 0 } }, /at least 1/);
  refuses({ sending_queue: { batch: { min_size: 10, max_size: 5 } } }, /max_size: must not be less than min_size/);
  refuses(
    { sending_queue: { queue_size: 10, sizer: 'items', batch: {} } },
    /min_size: must not be more than queue_size/,
  );
  refuses({ retry_on_failure: { max_elapsed_time: '20s' } }, /max_elapsed_time: must not be shorter than max_interval/);
  refuses({ retry_on_failure: { multiplier: 0.5 } }, /at least 1/);
  refuses({ retry_on_failure: { randomization_factor: 2 } }, /at most 1/);
});

describe('queue: Retry-After', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const says = (header: string | undefined, want: number | undefined) =>
    it(`${JSON.stringify(header)} is ${want} ms`, () => {
      expect(retryAfter(header, now)).to.equal(want);
    });
  says('120', 120_000);
  says(' 7 ', 7000);
  says('Fri, 02 Jan 2026 03:04:15 GMT', 10_000);
  says('Fri, 02 Jan 2026 03:04:00 GMT', undefined);
  says('Mon, 02 Jan 2006 15:04:05 MST', undefined);
  says('0', undefined);
  says('-5', undefined);
  says('soon', undefined);
  says('', undefined);
  says(undefined, undefined);
});
