/** One look at a network namespace. */
export interface Look {
  /** Monotonic milliseconds. */
  readonly time: number;
  /** UDP datagrams that the namespace sent and received since it was made. */
  readonly sent: number;
  readonly received: number;
  /** Inodes of the UDP sockets that are connected to a DNS server. */
  readonly sockets: Iterable<number>;
}

interface Waiting {
  /** The look from which on it waits, and the counters before it can have sent anything. */
  readonly since: Look;
  readonly before: Look;
}

export interface Hanging {
  readonly count: number;
  /** Seconds; a lower bound, since a socket is first seen some time after it was made. */
  readonly longest: number;
}

/**
 * Finds lookups that hang, by looking at one namespace again and again. libc makes a socket for each lookup and closes it
 * with the answer: one that is still there after `after` milliseconds, while nothing arrived in its namespace and more was
 * sent than answered since it appeared, waits for an answer that does not come.
 */
export class HangingLookups {
  readonly #after: number;
  #waiting = new Map<number, Waiting>();
  #last: Look | undefined;

  constructor(after: number) {
    this.#after = after;
  }

  note(look: Look): void {
    const before = this.#waiting;
    this.#waiting = new Map();
    for (const inode of look.sockets) {
      const known = before.get(inode);
      const waits = known && known.since.received === look.received;
      // What arrived may have been its answer: then it waits anew, for what is sent from now on.
      this.#waiting.set(inode, waits ? known : { since: look, before: known ? look : (this.#last ?? look) });
    }
    this.#last = look;
  }

  /** Is there a socket that may be found to hang in a later look? */
  get hasCandidates(): boolean {
    return this.#waiting.size > 0;
  }

  now(): Hanging {
    const last = this.#last;
    let count = 0;
    let longest = 0;
    if (!last) return { count, longest };
    for (const { since, before } of this.#waiting.values()) {
      const age = last.time - since.time;
      if (age < this.#after || last.sent - before.sent <= last.received - before.received) continue;
      count++;
      longest = Math.max(longest, age / 1000);
    }
    return { count, longest };
  }
}
