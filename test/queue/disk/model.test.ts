import { expect } from 'chai';
import type { MemoryDisk } from '../../support/memory-disk.ts';
import { memoryDisk, soundFaults } from '../../support/memory-disk.ts';
import { random } from '../../support/random.ts';
import { type Item, item, never, type Rig, rig, settled } from './rig.ts';

/** What may become of an item, as the reference knows it. */
interface Known {
  readonly item: Item;
  /** Clock when it was taken. */
  readonly at: number;
  delivered: number;
  /** It was in memory alone when its process was killed. */
  forgivable: boolean;
}

const LANES = 3;

/**
 * A queue beside a reference: every item that was taken arrives, in the order of its lane, unless it was younger than a second
 * at a kill, or a counter says that it is lost.
 */
class World {
  readonly draw: () => number;
  readonly known = new Map<number, Known>();
  /** Lanes' ids in the order of their first arrival. */
  readonly arrivals: number[][] = Array.from({ length: LANES }, () => []);
  readonly log: string[] = [];
  disk: MemoryDisk = memoryDisk(new Map(), soundFaults());
  r!: Rig;
  lost = 0;
  corrupted = 0;
  kills = 0;
  /** At which the disk could not be told what had been sent. */
  troubledKills = 0;
  duplicates = 0;
  readonly #jitter: () => number;
  #next = 0;
  #collected = 0;
  #down = false;

  /** One log with several consumers, and no order. */
  readonly laned: boolean;
  /** What was taken is on the disk. */
  readonly fsync: boolean;

  constructor(seed: number) {
    this.laned = seed % 4 !== 0;
    this.fsync = seed % 5 === 0;
    this.draw = random(seed);
    this.#jitter = random(-seed);
  }

  async start(): Promise<void> {
    const space = { maxBytes: 4_000_000, fsync: this.fsync };
    this.#collected = 0;
    this.r = await rig({
      disk: this.disk,
      lanes: LANES,
      laned: this.laned,
      space,
      random: this.#jitter,
      ...(this.r ? { clock: this.r.clock } : {}),
    });
    this.r.down = this.#down;
  }

  async step(): Promise<void> {
    const dice = this.draw();
    if (dice < 0.55) await this.#offer();
    else if (dice < 0.8) await this.#wait();
    else if (dice < 0.9) this.#turn();
    else if (dice < 0.94) await this.#kill();
    else if (dice < 0.96) await this.#stop();
    else this.#fault();
    this.#collect();
  }

  /** All heals, and everything that can arrive does. */
  async end(): Promise<void> {
    this.log.push('end');
    Object.assign(this.disk.faults, soundFaults());
    this.#down = false;
    this.r.down = false;
    await this.r.clock.advance(60_000);
    await settled(100);
    await this.r.clock.advance(5000);
    this.#collect();
    expect(this.r.metric('otelcol_exporter_queue_size')).to.equal(0);
    await this.r.sender.stop(never);
    this.#account();
    expect([...this.disk.files.keys()]).to.deep.equal([]);
    expect(this.r.clock.pending).to.equal(0);
  }

  async #offer(): Promise<void> {
    const count = 1 + Math.floor(this.draw() * 8);
    for (let i = 0; i < count; i++) {
      const one = item(this.#next++, Math.floor(this.draw() * LANES), 1, Math.floor(this.draw() ** 4 * 60_000));
      this.log.push(`offer ${one.id} to ${one.lane}`);
      const at = this.r.clock.monotonic();
      const taken = await this.r.sender.offer(one, never).then(
        () => true,
        () => false,
      );
      if (taken) this.known.set(one.id, { item: one, at, delivered: 0, forgivable: false });
    }
  }

  async #wait(): Promise<void> {
    const ms = Math.floor(this.draw() ** 2 * 4000);
    this.log.push(`wait ${ms}`);
    await this.r.clock.advance(ms);
    await settled(10);
  }

  #turn(): void {
    this.#down = this.draw() < 0.5;
    this.r.down = this.#down;
    this.log.push(this.#down ? 'down' : 'up');
  }

  async #kill(): Promise<void> {
    await settled(10);
    this.#collect();
    const now = this.r.clock.monotonic();
    // While the disk does not work, all that is in memory goes with the process.
    const broken = this.#faulty || now < this.#troubledUntil;
    for (const one of this.known.values()) {
      if (one.delivered === 0 && (broken || (!this.fsync && now - one.at < 1000))) one.forgivable = true;
    }
    if (broken) this.troubledKills++;
    this.kills++;
    this.#account();
    const disk = this.r.kill();
    this.disk = disk;
    if (this.draw() < 0.3) this.#corrupt();
    this.log.push('kill');
    await this.start();
  }

  async #stop(): Promise<void> {
    if (this.#faulty) return;
    this.log.push('stop');
    await this.r.sender.stop(never);
    this.#collect();
    this.#account();
    await this.start();
  }

  #faulty = false;
  #troubledUntil = 0;
  #fault(): void {
    const { faults } = this.disk;
    Object.assign(faults, soundFaults());
    // It is tried again within five seconds.
    if (this.#faulty) this.#troubledUntil = this.r.clock.monotonic() + 5500;
    this.#faulty = this.draw() < 0.6;
    if (!this.#faulty) return;
    const kind = Math.floor(this.draw() * 3);
    this.log.push(['full', 'EIO', 'short writes'][kind]!);
    if (kind === 0) faults.room = this.disk.bytes() + Math.floor(this.draw() * 3000);
    if (kind === 1) faults.fail = (call) => (call === 'write' || call === 'sync' ? 'EIO' : undefined);
    if (kind === 2) {
      faults.take = (bytes) => Math.max(1, Math.floor(bytes * this.draw()));
      this.#faulty = false;
    }
  }

  /** One byte of one segment changes while nobody runs. */
  #corrupt(): void {
    const files = [...this.disk.files].filter(([name, { length }]) => name.endsWith('.seg') && length > 100);
    const [name, bytes] = files[Math.floor(this.draw() * files.length)] ?? [];
    if (!bytes) return;
    const at = Math.floor(this.draw() * bytes.length);
    bytes[at]! ^= 1 + Math.floor(this.draw() * 255);
    this.corrupted++;
    this.log.push(`flip ${at} of ${name}`);
  }

  /** What this process' receiver took since the last look. */
  #collect(): void {
    const { taken } = this.r;
    for (; this.#collected < taken.length; this.#collected++) {
      const one = taken[this.#collected]!;
      const known = this.known.get(one.id)!;
      expect(known, `${one.id} was offered`).to.not.equal(undefined);
      expect(one.filler.equals(known.item.filler)).to.equal(true);
      if (known.delivered++ === 0) this.arrivals[one.lane]!.push(one.id);
      else this.duplicates++;
    }
  }

  #account(): void {
    this.lost += this.r.metric('dnscol_exporter_queue_dropped_points_total', { reason: 'corrupt' });
    this.lost += this.r.metric('dnscol_exporter_queue_dropped_points_total', { reason: 'stopped' });
    const others = ['overflow', 'unreadable', 'unknown_format'];
    for (const reason of others) {
      expect(this.r.metric('dnscol_exporter_queue_dropped_points_total', { reason }), reason).to.equal(0);
    }
  }
}

describe('a sending queue on disk beside a reference', () => {
  for (let seed = 1; seed <= 60; seed++) {
    it(`loses and repeats only what it may: seed ${seed}`, async () => {
      const world = new World(seed);
      await world.start();
      try {
        for (let i = 0; i < 120; i++) await world.step();
        await world.end();
        for (const lane of world.laned ? world.arrivals : [])
          expect(lane).to.deep.equal([...lane].sort((a, b) => a - b));
        const missing = [...world.known.values()].filter(({ delivered, forgivable }) => !delivered && !forgivable);
        expect(missing.length).to.be.at.most(world.lost);
        expect(world.lost).to.be.at.most(world.corrupted + world.kills * LANES);
        if (!world.troubledKills) expect(world.duplicates).to.be.at.most(world.kills * LANES);
      } catch (error) {
        (error as Error).message += `\n${world.log.slice(-40).join('\n')}`;
        throw error;
      }
    });
  }
});
