import type { Clock } from '#clock';
import {
  askAtOnce,
  type Endpoint,
  type Exchange,
  type ExchangeOptions,
  formatEndpoint,
  type Protocol,
  type UdpChannel,
} from '#dns';
import type { ProbeSpace } from './spaces.ts';
import { Pacer, Turns } from './turns.ts';

export interface Bounds {
  readonly perSecond: number;
  readonly concurrent: number;
}

export interface Target {
  readonly space: ProbeSpace;
  readonly server: Endpoint;
  readonly protocol: Protocol;
}

export type AskerOptions = Omit<ExchangeOptions, 'clock' | 'protocol' | 'enterTcp' | 'onChannel'>;

/** How long a socket that has its answer listens for another one. Milliseconds. */
const DUPLICATES_COME_WITHIN = 200;

/**
 * Asks within the receiver's bounds, so that a sick server is never made sicker: one question at a time for each server and
 * protocol, so many under way in all, so many queries a second.
 */
export class Asker {
  readonly #clock: Clock;
  readonly #pacer: Pacer;
  readonly #all: Turns;
  readonly #each = new Map<string, Turns>();
  readonly #listening = new Map<UdpChannel, () => void>();

  constructor(clock: Clock, bounds: Bounds) {
    this.#clock = clock;
    this.#pacer = new Pacer(clock, bounds.perSecond);
    this.#all = new Turns(bounds.concurrent);
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** Asks the questions at once. What ends without an answer goes on listening for a late one. */
  ask(
    target: Target,
    questions: readonly { name: string; type: number }[],
    options: AskerOptions,
    signal: AbortSignal,
  ): Promise<Exchange[]> {
    const { space, server, protocol } = target;
    const all: ExchangeOptions = {
      ...options,
      clock: this.#clock,
      protocol,
      enterTcp: async (ending) => {
        const leave = await this.#turnsOf({ ...target, protocol: 'tcp' }).enter(ending);
        return this.#paced(1, leave, ending);
      },
      onChannel: (channel, answered) => this.#listenOn(channel, answered ? DUPLICATES_COME_WITHIN : options.timeout),
    };
    return this.inTurn(target, questions.length, signal, () =>
      askAtOnce(space.sockets, server, questions, all, signal),
    );
  }

  /** Runs what sends so many queries to the target when it is its turn. */
  async inTurn<T>(target: Target, queries: number, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    const leaveAll = await this.#all.enter(signal);
    try {
      // A place among all before the turn at one, everywhere: the other order could wait in a circle.
      const leave = await this.#paced(queries, await this.#turnsOf(target).enter(signal), signal);
      try {
        return await run();
      } finally {
        leave();
      }
    } finally {
      leaveAll();
    }
  }

  /** Forgets servers that are asked no more. Between collections only. */
  forget(): void {
    this.#each.clear();
  }

  /** Closes the sockets that still listen. */
  close(): void {
    for (const [channel, cancel] of this.#listening) {
      cancel();
      channel.close();
    }
    this.#listening.clear();
  }

  #turnsOf({ space, server, protocol }: Target): Turns {
    const key = `${protocol} ${formatEndpoint(server)} ${space.key}`;
    const turns = this.#each.get(key) ?? new Turns(1);
    this.#each.set(key, turns);
    return turns;
  }

  async #paced(queries: number, leave: () => void, signal: AbortSignal): Promise<() => void> {
    try {
      await this.#pacer.pace(queries, signal);
      return leave;
    } catch (error) {
      leave();
      throw error;
    }
  }

  #listenOn(channel: UdpChannel, ms: number): void {
    const cancel = this.#clock.after(ms, () => {
      this.#listening.delete(channel);
      channel.close();
    });
    this.#listening.set(channel, cancel);
  }
}
