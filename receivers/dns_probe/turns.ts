import { type Clock, sleep } from '#clock';

/** Lets so many at a time in, first come, first served. */
export class Turns {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves with the way out once there is room; rejects when the signal aborts. */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#inside < this.#limit) this.#inside++;
    else await this.#wait(signal);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      // Who waited takes the place over, so nobody slips in between.
      if (next) next();
      else this.#inside--;
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(onTurn), 1);
        reject(signal.reason);
      };
      const onTurn = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(onTurn);
    });
  }
}

/** Spaces events so that no second has more than its share, and none is saved up for later. */
export class Pacer {
  readonly #clock: Clock;
  readonly #spacing: number;
  #next = 0;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#spacing = 1000 / perSecond;
  }

  /** Waits until `count` more may begin. */
  async pace(count: number, signal: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    const at = Math.max(now, this.#next);
    this.#next = at + count * this.#spacing;
    if (at - now >= 1) await sleep(this.#clock, at - now, signal);
    else signal.throwIfAborted();
  }
}
