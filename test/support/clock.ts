import type { Clock } from '#clock';

interface Waiting {
  at: number;
  order: number;
  run: () => void;
}

/** A clock that stands still until told to advance. */
export class FakeClock implements Clock {
  #wall: number;
  #elapsed = 0;
  #order = 0;
  #waiting = new Set<Waiting>();

  constructor(start = 1_700_000_000_000) {
    this.#wall = start;
  }

  now(): number {
    return this.#wall + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, run: () => void): () => void {
    const entry = { at: this.#elapsed + Math.max(ms, 0), order: this.#order++, run };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Moves the wall clock alone, as an NTP step does. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Lets `ms` pass, running what falls due in order and giving promises their turn in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (;;) {
      const due = [...this.#waiting].filter((w) => w.at <= end).sort((a, b) => a.at - b.at || a.order - b.order)[0];
      if (!due) break;
      this.#elapsed = Math.max(this.#elapsed, due.at);
      this.#waiting.delete(due);
      due.run();
      await settle();
    }
    this.#elapsed = end;
    await settle();
  }
}

/** Lets everything that is ready to run do so: promise callbacks and one turn of the event loop. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
