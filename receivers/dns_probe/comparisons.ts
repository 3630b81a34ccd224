import { makeQuery, type Outcome, openUdp, typeNumber, type UdpChannel } from '#dns';
import type { Asker, AskerOptions, Target } from './asker.ts';
import type { Comparison } from './config.ts';
import type { ProbeSpace } from './spaces.ts';

/** What became of the queries that were asked in one way. */
export interface Side {
  queries: number;
  lost: number;
  /** Of the answered ones. */
  seconds: number;
  /** Of the last answer. */
  bytes: number | undefined;
}

export interface ComparisonOptions {
  readonly name: string;
  readonly large: { readonly name: string; readonly type: number } | undefined;
  /** How often each way is tried. */
  readonly attempts: number;
}

const A = typeNumber('A')!;
const AAAA = typeNumber('AAAA')!;
/** Large enough for answers that leave in fragments; 1,232 bytes never do (DNS Flag Day 2020). */
const LARGE = 4096;
const SMALL = 1232;

/**
 * Asks one server in two ways that differ in one thing. When one way loses and the other does not, the thing that differs is
 * why, and no threshold needs to be guessed:
 *
 * - `pair`/`single`: A and AAAA at once from one socket, or one after the other. Losses of pairs: conntrack races.
 * - `fixed`/`fresh`: the same source port for as long as this runs, or a new one. Losses of the fixed one: a stale entry in
 *   conntrack or IPVS that leads to a server that is gone.
 * - `udp`/`tcp`.
 * - `small`/`large`: answers that fit into every packet, or that must be cut in fragments.
 */
export class Comparer {
  readonly sides = new Map<string, Side>();
  readonly #space: ProbeSpace;
  readonly #target: Omit<Target, 'protocol'>;
  readonly #asker: Asker;
  readonly #options: ComparisonOptions;
  readonly #ask: AskerOptions;
  #fixed: UdpChannel | undefined;

  constructor(asker: Asker, target: Omit<Target, 'protocol'>, options: ComparisonOptions, ask: AskerOptions) {
    this.#asker = asker;
    this.#target = target;
    this.#space = target.space;
    this.#options = options;
    this.#ask = { ...ask, tcpOnTruncation: false };
  }

  async run(comparison: Comparison, signal: AbortSignal): Promise<void> {
    for (let i = 0; i < this.#options.attempts; i++) await this.#once(comparison, signal);
  }

  /** Ends the socket that keeps its port. */
  close(): void {
    this.#fixed?.close();
    this.#fixed = undefined;
  }

  async #once(comparison: Comparison, signal: AbortSignal): Promise<void> {
    const { name, large } = this.#options;
    const single = { name, type: A };
    switch (comparison) {
      case 'pair':
        await this.#note('pair', 'pair', [single, { name, type: AAAA }], 'udp', SMALL, signal);
        await this.#note('pair', 'single', [single], 'udp', SMALL, signal);
        return this.#note('pair', 'single', [{ name, type: AAAA }], 'udp', SMALL, signal);
      case 'source_port':
        await this.#noteFixed(signal);
        return this.#note('source_port', 'fresh', [single], 'udp', SMALL, signal);
      case 'protocol':
        await this.#note('protocol', 'udp', [single], 'udp', SMALL, signal);
        return this.#note('protocol', 'tcp', [single], 'tcp', SMALL, signal);
      case 'size':
        await this.#note('size', 'small', [single], 'udp', SMALL, signal);
        if (large) await this.#note('size', 'large', [large], 'udp', LARGE, signal);
    }
  }

  async #note(
    comparison: Comparison,
    side: string,
    questions: readonly { name: string; type: number }[],
    protocol: 'udp' | 'tcp',
    udpSize: number,
    signal: AbortSignal,
  ): Promise<void> {
    const asked = await this.#asker.ask({ ...this.#target, protocol }, questions, { ...this.#ask, udpSize }, signal);
    for (const { outcome } of asked) this.#count(comparison, side, outcome);
  }

  async #noteFixed(signal: AbortSignal): Promise<void> {
    const { server } = this.#target;
    const target: Target = { ...this.#target, protocol: 'udp' };
    await this.#asker.inTurn(target, 1, signal, async () => {
      try {
        this.#fixed ??= await openUdp(this.#space.sockets, server);
      } catch {
        // No socket, no query. Trouble with sockets shows in the probes themselves.
        return;
      }
      const query = makeQuery(this.#options.name, A, { ...this.#ask, udpSize: SMALL });
      const options = { ...this.#ask, clock: this.#asker.clock };
      this.#count('source_port', 'fixed', await this.#fixed.ask(query, options, signal));
    });
  }

  #count(comparison: Comparison, side: string, outcome: Outcome): void {
    if (outcome.kind === 'error' && outcome.reason === 'socket') return;
    const key = `${comparison} ${side}`;
    const noted = this.sides.get(key) ?? { queries: 0, lost: 0, seconds: 0, bytes: undefined };
    this.sides.set(key, noted);
    noted.queries++;
    if (outcome.kind !== 'answer') noted.lost++;
    else {
      noted.seconds += outcome.seconds;
      noted.bytes = outcome.message.bytes.length;
    }
  }
}
