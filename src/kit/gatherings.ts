import type { Batch } from '#metrics';
import { Gathering } from './gathering.ts';

/** A gathering for each of several sources that come and go, so that one that changes leaves the others' sets as they are. */
export class Gatherings {
  #known = new Map<string, Gathering>();
  #used = new Map<string, Gathering>();

  /** That of one source, to add this collection's samples to. */
  of(key: string): Gathering {
    const one = this.#used.get(key) ?? this.#known.get(key) ?? new Gathering();
    this.#used.set(key, one);
    return one;
  }

  /** Everything added since the last call, and markers for what went, with or without its source. */
  finish(time: number): Batch {
    const gone = [...this.#known].filter(([key]) => !this.#used.has(key));
    const batch = [...gone.map(([, one]) => one), ...this.#used.values()].flatMap((one) => one.finish(time));
    this.#known = this.#used;
    this.#used = new Map();
    return batch;
  }
}
