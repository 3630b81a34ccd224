/** What the kernel's file says of packets lost at entering their connection. */
export type Semantics = 'lost' | 'lost_or_resolved';

type Totals = ReadonlyMap<string, number>;

/**
 * Linux 5.10 (commit bc92470413f3) counts a clash that was resolved apart and renamed the second column for it; before,
 * `insert_failed` counted it, too, although its packet was accepted.
 */
export const semanticsOf = (totals: Totals): Semantics => (totals.has('clashres') ? 'lost' : 'lost_or_resolved');

/**
 * Packets that were really lost, as a counter. On 5.10 and later that is `insert_failed`. Before, a loss raises both
 * `insert_failed` and `drop`, and a resolved clash the first alone: from one look to the next no more can have been lost than
 * the lesser of the two grew by, and this counts up from 0 at the first look.
 */
export class Losses {
  #before: { failed: number; dropped: number } | undefined;
  #lost = 0;

  note(totals: Totals): number {
    const failed = totals.get('insert_failed') ?? 0;
    if (semanticsOf(totals) === 'lost') return failed;
    const dropped = totals.get('drop') ?? 0;
    if (this.#before) {
      const grown = Math.min(failed - this.#before.failed, dropped - this.#before.dropped);
      // Less than before: counters of 32 bits went round.
      this.#lost += Math.max(0, grown);
    }
    this.#before = { failed, dropped };
    return this.#lost;
  }
}
