interface Waiting {
  size: number;
  admit(): void;
}

/** So much and no more. Those who wait for room are let in first come, first served. */
export class Room {
  readonly capacity: number;
  readonly #waiting: Waiting[] = [];
  #taken = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes room when there is some and nobody waits for it. */
  tryTake(size: number): boolean {
    if (this.#waiting.length || this.#taken + size > this.capacity) return false;
    this.#taken += size;
    return true;
  }

  /** Resolves with the room taken; rejects, with nothing taken, as soon as the signal aborts. */
  take(size: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
        this.#admit();
      };
      const waiting = {
        size,
        admit() {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#waiting.push(waiting);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#admit();
    });
  }

  release(size: number): void {
    this.#taken -= size;
    this.#admit();
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && this.#taken + next.size <= this.capacity; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#taken += next.size;
      next.admit();
    }
  }
}
