import { expect } from 'chai';
import { PermanentError } from '#component';
import { memoryDisk } from '../../support/memory-disk.ts';
import { ids, item, never, type Rig, rig, settled } from './rig.ts';

const offerAll = async (r: Rig, from: number, to: number, lanes = 2) => {
  for (let id = from; id < to; id++) await r.sender.offer(item(id, id % lanes), never);
};
const segments = (r: Rig) => [...r.disk.files.keys()].filter((name) => name.endsWith('.seg'));
const laneOf = (r: Rig, lane: number) => ids(r.taken.filter((one) => one.lane === lane));

describe('a sending queue on disk', () => {
  it('writes nothing while the receiver takes everything at once', async () => {
    const r = await rig();
    for (let id = 0; id < 20; id++) {
      await r.sender.offer(item(id), never);
      await r.clock.advance(100);
    }
    expect(ids(r.taken)).to.deep.equal([...Array(20).keys()]);
    expect(r.disk.files.size).to.equal(0);
    expect(r.metric('otelcol_exporter_queue_size')).to.equal(0);
  });

  it('writes what could not be sent for some hundred milliseconds, and deletes it when it was sent', async () => {
    const r = await rig();
    r.down = true;
    await offerAll(r, 0, 10);
    await r.clock.advance(500);
    expect(segments(r)).to.have.length(2);
    expect(r.metric('dnscol_exporter_queue_disk_bytes')).to.equal(r.disk.bytes());
    expect(r.metric('otelcol_exporter_queue_size')).to.equal(10);
    r.down = false;
    await r.clock.advance(5000);
    expect(laneOf(r, 0)).to.deep.equal([0, 2, 4, 6, 8]);
    expect(laneOf(r, 1)).to.deep.equal([1, 3, 5, 7, 9]);
    expect(r.metric('otelcol_exporter_queue_size')).to.equal(0);
    await r.sender.stop(never);
    expect(r.disk.files.size).to.equal(0);
    expect(r.clock.pending).to.equal(0);
  });

  it('is sent by the next process after kill -9, in order, and none twice', async () => {
    const first = await rig();
    first.down = true;
    await offerAll(first, 0, 50);
    await first.clock.advance(1000);
    first.down = false;
    await first.clock.advance(1000);
    await settled();
    const second = await rig({ disk: first.kill(), clock: first.clock });
    await settled();
    await second.clock.advance(5000);
    const all = [...first.taken, ...second.taken];
    for (const lane of [0, 1]) {
      const got = ids(all.filter((one) => one.lane === lane));
      expect(got).to.deep.equal([...Array(25).keys()].map((i) => 2 * i + lane));
    }
    expect(second.metric('dnscol_exporter_queue_corrupt_records_total')).to.equal(0);
  });

  it('says at the start what waits since an earlier run', async () => {
    const first = await rig();
    first.down = true;
    await offerAll(first, 0, 7);
    await first.clock.advance(1000);
    const second = await rig({ disk: first.kill(), clock: first.clock });
    const [line] = second.host.logs.filter(({ level }) => level === 'info');
    expect(line?.message).to.equal('7 requests with 7 metric points wait since an earlier run');
  });

  it('keeps everything over a stop while the receiver is down, with one attempt more for each lane', async () => {
    let attempts = 0;
    const first = await rig({
      async send() {
        attempts++;
      },
    });
    first.down = true;
    await offerAll(first, 0, 6);
    await settled();
    attempts = 0;
    await first.sender.stop(never);
    expect(attempts).to.be.at.most(4);
    expect(first.metric('otelcol_exporter_send_failed_metric_points')).to.equal(0);
    expect(first.clock.pending).to.equal(0);
    const second = await rig({ disk: first.disk, clock: first.clock });
    await second.clock.advance(1000);
    expect(laneOf(second, 0)).to.deep.equal([0, 2, 4]);
    expect(laneOf(second, 1)).to.deep.equal([1, 3, 5]);
  });

  it('sends what is in memory when it stops, and leaves no file', async () => {
    const r = await rig();
    await offerAll(r, 0, 6);
    await r.sender.stop(never);
    expect(r.taken).to.have.length(6);
    expect(r.disk.files.size).to.equal(0);
  });

  it('ends its stop at the deadline though the receiver never answers, and loses nothing', async () => {
    const first = await rig({ send: () => new Promise(() => {}) });
    await offerAll(first, 0, 6);
    const deadline = new AbortController();
    const stopped = first.sender.stop(deadline.signal);
    await settled();
    deadline.abort(new Error('the drain deadline has passed'));
    await stopped;
    const second = await rig({ disk: first.disk, clock: first.clock });
    await second.clock.advance(1000);
    expect(ids(second.taken).sort()).to.deep.equal([0, 1, 2, 3, 4, 5]);
  });

  it('memory holds a window of the backlog only', async () => {
    const r = await rig({ lanes: 1 });
    r.down = true;
    for (let id = 0; id < 400; id++) {
      await r.sender.offer(item(id, 0, 1, 10_000), never);
      if (id % 20 === 0) await r.clock.advance(200);
    }
    await r.clock.advance(1000);
    expect(r.disk.bytes()).to.be.greaterThan(4_000_000);
    r.down = false;
    await r.clock.advance(3000);
    await settled(200);
    expect(ids(r.taken)).to.deep.equal([...Array(400).keys()]);
  });

  it('an outage of ten minutes loses nothing by default', async () => {
    const r = await rig({ lanes: 1 });
    r.down = true;
    for (let id = 0; id < 600; id++) {
      await r.sender.offer(item(id), never);
      await r.clock.advance(1000);
    }
    r.down = false;
    await r.clock.advance(2000);
    await settled(100);
    expect(ids(r.taken)).to.deep.equal([...Array(600).keys()]);
  });

  it('a lane that is refused for good loses that item alone', async () => {
    const r = await rig({
      lanes: 1,
      async send({ id }) {
        if (id === 3) throw new PermanentError('no');
      },
    });
    await offerAll(r, 0, 6, 1);
    await settled();
    expect(ids(r.taken)).to.deep.equal([0, 1, 2, 4, 5]);
    expect(r.metric('otelcol_exporter_send_failed_metric_points', { reason: 'permanent' })).to.equal(1);
    expect(r.metric('otelcol_exporter_queue_size')).to.equal(0);
  });

  it('lanes do not hold up one another', async () => {
    const r = await rig({
      async send({ lane }) {
        if (lane === 0) throw new Error('down');
      },
    });
    await offerAll(r, 0, 10);
    await r.clock.advance(3000);
    await offerAll(r, 10, 14);
    await r.clock.advance(3000);
    expect(ids(r.taken)).to.deep.equal([1, 3, 5, 7, 9, 11, 13]);
  });

  it('after a start with another number of lanes, all that was there is sent first', async () => {
    const first = await rig({ lanes: 3 });
    first.down = true;
    await offerAll(first, 0, 9, 3);
    await first.clock.advance(1000);
    const second = await rig({ disk: first.kill(), lanes: 2, clock: first.clock });
    second.down = true;
    await offerAll(second, 9, 15);
    await second.clock.advance(1000);
    second.down = false;
    await second.clock.advance(3000);
    await settled();
    expect(ids(second.taken.slice(0, 9)).sort((a, b) => a - b)).to.deep.equal([...Array(9).keys()]);
    expect(laneOf(second, 0).filter((id) => id >= 9)).to.deep.equal([10, 12, 14]);
    expect(second.metric('otelcol_exporter_queue_size')).to.equal(0);
  });

  it('without lanes, several requests are under way, and each is acknowledged by itself', async () => {
    const first = await rig({
      laned: false,
      lanes: 4,
      async send({ id }) {
        if (id === 1) throw new Error('stuck');
      },
    });
    for (let id = 0; id < 20; id++) await first.sender.offer(item(id), never);
    await first.clock.advance(3000);
    expect(ids(first.taken).sort((a, b) => a - b)).to.deep.equal([0, ...Array.from({ length: 18 }, (_, i) => i + 2)]);
    const second = await rig({ disk: first.kill(), laned: false, lanes: 2, clock: first.clock });
    await second.clock.advance(1000);
    expect(ids(second.taken)).to.deep.equal([1]);
    await second.sender.stop(never);
    expect(second.disk.files.size).to.equal(0);
  });

  it('with fsync, an offer is answered when the item is on the disk', async () => {
    const r = await rig({ space: { fsync: true } });
    r.down = true;
    await r.sender.offer(item(1), never);
    expect(r.disk.bytes()).to.be.greaterThan(100);
    const next = await rig({ disk: r.kill(), clock: r.clock });
    await next.clock.advance(1000);
    expect(ids(next.taken)).to.deep.equal([1]);
  });

  it('with as many acknowledged ranges as records starts at once', async () => {
    const first = await rig({
      laned: false,
      lanes: 2,
      async send({ id }) {
        if (id === 0) throw new Error('stuck');
        if (id % 2) throw new PermanentError('no');
      },
    });
    first.down = true;
    for (let id = 0; id < 900; id++) await first.sender.offer(item(id), never);
    await first.clock.advance(1000);
    first.down = false;
    await first.clock.advance(5000);
    await settled(50);
    const began = performance.now();
    const second = await rig({ disk: first.kill(), laned: false, lanes: 2, clock: first.clock });
    await second.clock.advance(1000);
    await settled(50);
    expect(performance.now() - began).to.be.lessThan(2000);
    expect(ids(second.taken)).to.deep.equal([0]);
  });

  it('of a process that still closes its folder is waited for', async () => {
    const first = await rig();
    first.down = true;
    await offerAll(first, 0, 6);
    await first.clock.advance(1000);
    // A stop that nobody waits for, as of a component that overstays the deadline of a reload.
    const stopped = first.sender.stop(never);
    const second = await rig({ disk: first.disk, clock: first.clock });
    await stopped;
    await second.clock.advance(1000);
    expect(second.taken).to.have.length(6);
    expect(second.metric('dnscol_exporter_queue_disk_errors_total')).to.equal(0);
    await second.sender.stop(never);
    expect(second.disk.files.size).to.equal(0);
    expect(second.clock.pending).to.equal(0);
  });

  describe('that is full', () => {
    const small = { space: { maxBytes: 1_000_000 }, lanes: 1 };
    const fill = async (r: Rig, from: number, to: number) => {
      const refused: number[] = [];
      for (let id = from; id < to; id++) {
        await r.sender.offer(item(id, 0, 1, 10_000), never).catch(() => refused.push(id));
        await r.clock.advance(200);
      }
      return refused;
    };

    it('refuses the newest, stays within its bytes, and counts', async () => {
      const r = await rig(small);
      r.down = true;
      const refused = await fill(r, 0, 150);
      expect(refused.length).to.be.within(48, 60);
      expect(r.disk.bytes()).to.be.at.most(1_000_000);
      expect(r.metric('otelcol_exporter_enqueue_failed_metric_points')).to.equal(refused.length);
      expect(r.metric('dnscol_exporter_queue_dropped_points_total', { reason: 'full' })).to.equal(refused.length);
      r.down = false;
      await r.clock.advance(2000);
      await settled(100);
      expect(ids(r.taken)).to.deep.equal([...Array(refused[0]).keys()]);
    });

    it('drops the oldest where told to, in order, and counts', async () => {
      const r = await rig({ ...small, queue: { when_full: 'drop_oldest' } });
      r.down = true;
      expect(await fill(r, 0, 150)).to.deep.equal([]);
      expect(r.disk.bytes()).to.be.at.most(1_000_000);
      r.down = false;
      await r.clock.advance(2000);
      await settled(100);
      const got = ids(r.taken);
      const dropped = r.metric('dnscol_exporter_queue_dropped_points_total', { reason: 'overflow' });
      // The one that was under way when its segment went may arrive all the same.
      expect(got.length + dropped).to.equal(150);
      expect(got).to.deep.equal([...got].sort((a, b) => a - b));
      expect(got.at(-1)).to.equal(149);
      expect(got.length).to.be.greaterThan(80);
    });

    it('lets callers wait where told to', async () => {
      const r = await rig({ ...small, queue: { block_on_overflow: true } });
      r.down = true;
      let taken = 0;
      const offers = Array.from({ length: 120 }, (_, id) =>
        r.sender.offer(item(id, 0, 1, 10_000), never).then(() => taken++),
      );
      await r.clock.advance(1000);
      expect(taken).to.be.lessThan(110);
      r.down = false;
      for (let i = 0; i < 40; i++) {
        await r.clock.advance(1000);
        await settled();
      }
      await Promise.all(offers);
      expect(ids(r.taken)).to.deep.equal([...Array(120).keys()]);
    });

    it('heeds queue_size in its own unit', async () => {
      const r = await rig({ lanes: 1, queue: { queue_size: 5 } });
      r.down = true;
      for (let id = 0; id < 5; id++) await r.sender.offer(item(id), never);
      await r.clock.advance(1000);
      const error = await r.sender.offer(item(5), never).catch((e) => e);
      expect(error.message).to.equal('the sending queue is full: queue_size (5 requests)');
      const next = await rig({ disk: r.kill(), lanes: 1, queue: { queue_size: 5 }, clock: r.clock });
      next.down = true;
      const again = await next.sender.offer(item(5), never).catch((e) => e);
      expect(again).to.be.instanceOf(Error);
    });

    it('refuses for good what could never fit', async () => {
      const r = await rig(small);
      const error = await r.sender.offer(item(1, 0, 1, 2_000_000), never).catch((e) => e);
      expect(error).to.be.instanceOf(PermanentError);
    });
  });

  describe('finds an empty segment', () => {
    const corrupt = 'dnscol_exporter_queue_corrupt_records_total';
    const EMPTY = Buffer.alloc(0);
    const said = (r: Rig) =>
      r.host.logs.filter(({ message }) => /is empty/.test(message)).map(({ fields }) => fields.path);

    /** A process was killed with ten items of two lanes on the disk; `damage` is told its segments by age. */
    async function restarted(damage: (files: Map<string, Buffer>, paths: readonly string[]) => void) {
      const first = await rig();
      first.down = true;
      await offerAll(first, 0, 10);
      await first.clock.advance(1000);
      const disk = first.kill();
      damage(disk.files, segments(first).sort());
      const second = await rig({ disk, clock: first.clock });
      await settled();
      await second.clock.advance(5000);
      await second.sender.stop(never);
      expect(disk.files.size).to.equal(0);
      return second;
    }

    it('with a later one, says so and counts it, and sends the rest', async () => {
      for (const length of [0, 20, 32]) {
        let emptied = '';
        const r = await restarted((files, [path]) => {
          emptied = path!;
          files.set(path!, files.get(path!)!.subarray(0, length));
        });
        expect(r.metric(corrupt)).to.equal(1);
        expect(said(r)).to.deep.equal([emptied]);
        expect(ids(r.taken)).to.deep.equal([1, 3, 5, 7, 9]);
      }
    });

    it('of which records had been sent, the same', async () => {
      const r = await restarted((files, paths) => {
        files.set(paths[1]!, EMPTY);
        files.set(paths[1]!.replace('.seg', '.ack'), Buffer.alloc(24));
      });
      expect([r.metric(corrupt), said(r).length]).to.deep.equal([1, 1]);
    });

    it('that was made last and not written, and says nothing', async () => {
      const r = await restarted((files) => files.set('/q/0000000003-0of2-00000001.seg', EMPTY));
      expect([r.metric(corrupt), said(r).length]).to.deep.equal([0, 0]);
      expect(ids(r.taken).toSorted((a, b) => a - b)).to.deep.equal([...Array(10).keys()]);
    });
  });

  describe('on a disk that fails', () => {
    for (const code of ['ENOSPC', 'EIO']) {
      it(`goes on in memory at ${code}, says so once, and uses the disk again when it works`, async () => {
        const disk = memoryDisk();
        const r = await rig({ disk });
        r.down = true;
        disk.faults.fail = (call) => (call === 'write' ? code : undefined);
        await offerAll(r, 0, 20);
        await r.clock.advance(5000);
        expect(r.metric('dnscol_exporter_queue_disk_errors_total', { operation: 'write' })).to.be.within(2, 4);
        const said = r.host.logs.filter(({ message }) => /goes on in memory/.test(message));
        expect(said).to.have.length(1);
        const last = r.host.statuses.at(-1)!;
        expect(last.status).to.equal('recoverable');
        expect(r.metric('otelcol_exporter_queue_size')).to.equal(20);
        disk.faults.fail = () => undefined;
        await r.clock.advance(10_000);
        expect(r.host.logs.filter(({ message }) => /written to disk again/.test(message))).to.have.length(1);
        expect(segments(r)).to.have.length(2);
        const next = await rig({ disk: r.kill(), clock: r.clock });
        await next.clock.advance(1000);
        expect(ids(next.taken).sort((a, b) => a - b)).to.deep.equal([...Array(20).keys()]);
      });
    }

    it('holds no more than 16 MiB in memory', async () => {
      const disk = memoryDisk();
      disk.faults.room = 0;
      const r = await rig({ disk, lanes: 1 });
      r.down = true;
      let refused = 0;
      for (let id = 0; id < 40; id++) await r.sender.offer(item(id, 0, 1, 1 << 20), never).catch(() => refused++);
      expect(refused).to.equal(25);
      r.down = false;
      await r.clock.advance(10_000);
      await settled(100);
      expect(ids(r.taken)).to.deep.equal([...Array(15).keys()]);
      expect(r.host.statuses.at(-1)?.status).to.equal('ok');
    });

    it('starts though the folder cannot be listed', async () => {
      const disk = memoryDisk();
      disk.faults.fail = (call) => (call === 'list' ? 'EIO' : undefined);
      const r = await rig({ disk });
      await offerAll(r, 0, 2);
      await settled();
      expect(r.taken).to.have.length(2);
    });

    it('gives up a segment that cannot be read, counts its points, and sends the rest', async () => {
      const first = await rig({ lanes: 1, space: { maxBytes: 1_000_000 } });
      first.down = true;
      for (let id = 0; id < 30; id++) {
        await first.sender.offer(item(id, 0, 1, 10_000), never);
        await first.clock.advance(200);
      }
      await first.clock.advance(1000);
      const disk = first.kill();
      const second = await rig({ disk, lanes: 1, space: { maxBytes: 1_000_000 }, clock: first.clock });
      let reads = 0;
      disk.faults.fail = (call) => (call === 'read' && reads++ < 3 ? 'EIO' : undefined);
      // The first read has happened at the start.
      await second.clock.advance(10_000);
      await settled(100);
      const lost = second.metric('dnscol_exporter_queue_dropped_points_total', { reason: 'unreadable' });
      expect(second.taken.length + lost).to.equal(30);
    });

    it('a record that was written in part is cut off, and none comes twice', async () => {
      const disk = memoryDisk();
      const r = await rig({ disk, lanes: 1 });
      r.down = true;
      disk.faults.room = 450;
      await offerAll(r, 0, 10, 1);
      await r.clock.advance(3000);
      disk.faults.room = 1e9;
      await r.clock.advance(10_000);
      const next = await rig({ disk: r.kill(), lanes: 1, clock: r.clock });
      await next.clock.advance(1000);
      expect(ids(next.taken)).to.deep.equal([...Array(10).keys()]);
      expect(next.metric('dnscol_exporter_queue_corrupt_records_total')).to.equal(0);
    });
  });
});
