import { expect } from 'chai';
import type { Connection } from '../../src/http/wire-connection.ts';
import { Pool, type PoolSettings } from '../../src/http/wire-pool.ts';
import { FakeClock } from '../support/clock.ts';

describe("the http client's pool of connections", () => {
  /** Connections with names in the order they were opened; those in `open` have not been destroyed. */
  function rig(settings: Partial<PoolSettings> = {}) {
    const clock = new FakeClock();
    const unlimited = Number.POSITIVE_INFINITY;
    const pool = new Pool({ maxConnections: unlimited, maxIdle: unlimited, idleTimeout: 1000, ...settings }, clock);
    const open = new Set<string>();
    const names = new Map<Connection, string>();
    const connect = (closed: () => void) => {
      const name = String(names.size + 1);
      open.add(name);
      const destroy = () => open.delete(name) && closed();
      const made = { idleUntil: 0, rest() {}, destroy } as unknown as Connection;
      names.set(made, name);
      return made;
    };
    const acquire = (key = 'a', fresh = false) => pool.acquire(key, connect, fresh);
    return { clock, pool, open: () => [...open].join(' '), acquire, name: (one?: Connection) => one && names.get(one) };
  }

  it('gives the one used last, and lets the others grow old', async () => {
    const { clock, pool, open, acquire, name } = rig();
    const [one, two] = [acquire()!, acquire()!];
    pool.release('a', one, true, undefined);
    await clock.advance(500);
    pool.release('a', two, true, undefined);
    expect(name(acquire())).to.equal('2');
    await clock.advance(499);
    expect(open()).to.equal('1 2');
    await clock.advance(1);
    expect(open()).to.equal('2');
    pool.release('a', two, true, undefined);
    expect(clock.pending).to.equal(1);
    await clock.advance(1000);
    expect([open(), clock.pending]).to.deep.equal(['', 0]);
  });

  it('believes the server when it keeps them for less, and keeps nothing for a second', async () => {
    const { clock, pool, acquire, open, name } = rig({ idleTimeout: 60_000 });
    const one = acquire()!;
    pool.release('a', one, true, 5);
    await clock.advance(3999);
    expect(name(acquire())).to.equal('1');
    pool.release('a', one, true, 5);
    await clock.advance(4000);
    expect(name(acquire())).to.equal('2');
    pool.release('a', acquire()!, true, 1);
    expect(open()).to.equal('2');
  });

  it('keeps hosts apart', () => {
    const { pool, acquire, name } = rig();
    pool.release('a', acquire('a')!, true, undefined);
    expect([name(acquire('b')), name(acquire('a'))]).to.deep.equal(['2', '1']);
  });

  it('has no timer when connections are kept for ever', () => {
    const { clock, pool, acquire } = rig({ idleTimeout: Number.POSITIVE_INFINITY });
    pool.release('a', acquire()!, true, undefined);
    expect(clock.pending).to.equal(0);
  });

  it('makes room for a fresh one where only an idle one is in the way', () => {
    const { pool, acquire, open, name } = rig({ maxConnections: 1 });
    pool.release('a', acquire()!, true, undefined);
    expect(name(acquire('a', true))).to.equal('2');
    expect([open(), acquire()]).to.deep.equal(['2', undefined]);
  });

  it('tells who waits, in turn, once for each that becomes free', () => {
    const { pool, acquire } = rig({ maxConnections: 1 });
    const one = acquire()!;
    const told: string[] = [];
    pool.wait('a', () => told.push('first'));
    pool.wait('a', () => told.push('second'))();
    pool.wait('a', () => told.push('third'));
    pool.release('a', one, true, undefined);
    expect(told).to.deep.equal(['first']);
    acquire()!.destroy();
    expect(told).to.deep.equal(['first', 'third']);
  });

  it('destroys all when it is closed, those in use too', () => {
    const { clock, pool, acquire, open } = rig();
    acquire('a');
    pool.release('b', acquire('b')!, true, undefined);
    pool.close();
    expect([open(), clock.pending]).to.deep.equal(['', 0]);
  });
});
