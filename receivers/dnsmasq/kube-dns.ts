import type { Gathering } from '#kit';
import { KUBE_DNS } from './metrics.ts';
import { COUNTS, type Statistics } from './statistics.ts';

type Count = keyof typeof COUNTS;
const NAMES = Object.keys(COUNTS) as Count[];

/**
 * The counters of kube-dns' sidecar. They grow by what dnsmasq's own numbers grow, so they go on when dnsmasq begins anew;
 * when it does not answer, `errors` grows and the others stand still.
 */
export class KubeDnsCounters {
  readonly #totals = new Map<Count, number>(NAMES.map((name) => [name, 0]));
  readonly #last = new Map<Count, number>();
  #errors = 0;
  #wasAsked = false;

  /** Undefined: no answer, or nobody there to ask, which counts as an error once somebody was there. */
  update(statistics: Statistics | undefined): void {
    if (!statistics) {
      if (this.#wasAsked) this.#errors++;
      return;
    }
    this.#wasAsked = true;
    for (const name of NAMES) {
      const growth = statistics[name] - (this.#last.get(name) ?? 0);
      if (growth > 0) this.#totals.set(name, this.#totals.get(name)! + growth);
      this.#last.set(name, statistics[name]);
    }
  }

  /** Nothing, until a dnsmasq has answered. */
  report(gathering: Gathering): void {
    if (!this.#wasAsked) return;
    for (const [name, total] of this.#totals) gathering.add(KUBE_DNS[name], {}, total);
    gathering.add(KUBE_DNS.errors, {}, this.#errors);
  }
}
