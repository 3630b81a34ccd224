import type { Clock } from '#clock';
import { deadline } from './deadline.ts';

export interface FreshOptions<T> {
  clock: Clock;
  /** Gets a new one. Its signal aborts after `timeout`, and when nobody needs it any more. */
  load(signal: AbortSignal): Promise<T>;
  /** Milliseconds; a load that takes longer has failed. */
  timeout: number;
  /** Milliseconds that a value just loaded is good for; undefined: for ever. */
  life(value: T): number | undefined;
  /** Milliseconds before its end that a value is replaced; one that does not live as long is replaced at half of its life. */
  buffer: number;
  /** A load failed. `left`: milliseconds that the old value is still good for; 0 when there is none. */
  onFailed?(error: unknown, left: number): void;
}

/** Something that wears out, such as a token, kept fresh as long as it is used. */
export interface Fresh<T> {
  /**
   * The value, loaded at the first call. Near its end a new one is loaded once, in the background; a load that fails is
   * tried again after a pause and leaves the old value in use while it is good. Rejects when there is no good value, or
   * with the signal's reason, which ends the caller's waiting alone.
   */
  get(signal: AbortSignal): Promise<T>;
  /**
   * That value turned out to be no good. True when `get` will now give another; false when it is so new that another
   * would fare no better.
   */
  discard(value: T): boolean;
  stop(): void;
}

/** Pauses after failed loads. Milliseconds. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;
/** A value younger than this is not replaced, where it lives longer at all, nor blamed for being refused. */
const NEW = 10_000;

interface Held<T> {
  value: T;
  monotonic: number;
  wall: number;
  life: number;
}

/** Ages count by both clocks: the monotonic one stands still while a machine sleeps, the other one jumps. */
export function keepFresh<T>(options: FreshOptions<T>): Fresh<T> {
  const { clock } = options;
  const stopped = new AbortController();
  let held: Held<T> | undefined;
  let loading: Promise<T> | undefined;
  let failure: unknown;
  let pause = 0;
  let notBefore = Number.NEGATIVE_INFINITY;

  const age = ({ monotonic, wall }: Held<T>) => Math.max(clock.monotonic() - monotonic, clock.now() - wall);
  const left = () => (held ? Math.max(0, held.life - age(held)) : 0);
  const isDue = ({ life }: Held<T>) => left() <= (life > options.buffer ? options.buffer : life / 2);
  const isNew = (one: Held<T>) => age(one) < Math.min(NEW, one.life / 2);

  async function load(): Promise<T> {
    const limit = deadline(clock, options.timeout, stopped.signal);
    try {
      const work = (async () => options.load(limit.signal))();
      const value = await untilAborted(work, limit.signal);
      const life = Math.max(options.life(value) ?? Number.POSITIVE_INFINITY, FIRST_PAUSE);
      held = { value, monotonic: clock.monotonic(), wall: clock.now(), life };
      pause = 0;
      return value;
    } catch (error) {
      failure = error;
      pause = Math.min(pause ? pause * 2 : FIRST_PAUSE, LONGEST_PAUSE);
      notBefore = clock.monotonic() + pause;
      if (!stopped.signal.aborted) options.onFailed?.(error, left());
      throw error;
    } finally {
      limit.end();
      loading = undefined;
    }
  }

  function begin(): Promise<T> {
    loading ??= load();
    return loading;
  }

  return {
    async get(signal) {
      const mayLoad = loading !== undefined || pause === 0 || clock.monotonic() >= notBefore;
      if (held && left() > 0) {
        // Who fails is told by onFailed.
        if (isDue(held) && mayLoad && !isNew(held)) begin().catch(() => {});
        return held.value;
      }
      if (!mayLoad) throw failure;
      return untilAborted(begin(), signal);
    },
    discard(value) {
      if (held?.value !== value) return true;
      if (isNew(held)) return false;
      held = undefined;
      return true;
    },
    stop: () => stopped.abort(new Error('stopping')),
  };
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
