import type { Metadata } from './families.ts';
import { BOUNDS } from './labels.ts';
import type { Memory } from './page.ts';
import type { Plan } from './plan.ts';
import type { Reader } from './reader.ts';
import { hashOf, SeriesTable } from './series_table.ts';
import type { RawSample } from './types.ts';

/** So many samples behind the one that comes next in order are looked at: those between have gone. */
const AHEAD = 3;

/**
 * Finds the series of the last page on one that is not quite the same: first the one that comes next in order, then, where
 * lines were added, removed or moved, through a hash table of the series' bytes that is built only then.
 */
export class PlanMemory implements Memory {
  readonly plan: Plan;
  readonly #view: DataView;
  #next = 0;
  #table: SeriesTable | undefined;
  /** The samples that had comments before them, and how many of those stood on this page so far; -1 when it has others. */
  readonly #commented: readonly number[];
  #told = 0;

  constructor(plan: Plan, body: Buffer) {
    this.plan = plan;
    this.#view = new DataView(body.buffer, body.byteOffset, body.length);
    this.#commented = [...plan.metadata.keys()];
  }

  sample(index: number): RawSample {
    return this.plan.samples[index]!;
  }

  after(reader: Reader): number {
    const { lines, starts } = this.plan;
    const to = Math.min(this.#next + AHEAD, starts.length);
    for (let at = this.#next; at < to && this.#isToldTo(at); at++) {
      if (this.plan.stands(lines[at]!, starts[at]!, reader.body, this.#view, reader.pos)) {
        return this.plan.ends(at) ? at : -1;
      }
    }
    return -1;
  }

  took(index: number): readonly Metadata[] | undefined {
    this.#next = index + 1;
    if (this.#commented[this.#told] !== index) return undefined;
    this.#told++;
    return this.plan.metadata.get(index);
  }

  /** Whether the comments on this page so far are those that stood before a sample, but perhaps for the last ones. */
  #isToldTo(index: number): boolean {
    const told = this.#told;
    if (told < 0 || (told > 0 && this.#commented[told - 1]! > index)) return false;
    return told === this.#commented.length || this.#commented[told]! >= index;
  }

  find(reader: Reader, bound: string): number {
    const next = this.#next;
    // The one behind the next too: a series that was replaced by another leaves the order as it was.
    const near = this.#stands(next, reader) ? next : this.#stands(next + 1, reader) ? next + 1 : -1;
    const found = near >= 0 ? near : this.#lookUp(reader);
    if (found < 0 || BOUNDS[this.plan.bounds[found]!] !== bound || !this.plan.ends(found)) return -1;
    const value = reader.pos + this.plan.starts[found]! - this.plan.series[found]!;
    // More of the series may follow: blanks, or the labels of what is there without any.
    const c = reader.body[value];
    if (c === undefined || c === 32 || c === 9 || c === 123) return -1;
    this.#next = found + 1;
    reader.pos = value;
    return found;
  }

  comments(reader: Reader): readonly Metadata[] {
    const { lines, series, metadata } = this.plan;
    // What stands between has gone. Comments that were passed over do not matter any more once some are out of order.
    const due = this.#commented[this.#told] ?? -1;
    const at = Math.max(due, this.#next);
    const known = metadata.get(at);
    if (!known) return NONE;
    const from = lines[at]!;
    const to = series[at]!;
    if (!this.plan.stands(from, to, reader.body, this.#view, reader.pos)) return NONE;
    reader.pos += to - from;
    this.#next = at;
    this.#told = at === due ? this.#told + 1 : -1;
    return known;
  }

  strange(): void {
    this.#told = -1;
  }

  #stands(index: number, reader: Reader): boolean {
    const { series, starts } = this.plan;
    if (index >= starts.length) return false;
    return this.plan.stands(series[index]!, starts[index]!, reader.body, this.#view, reader.pos);
  }

  #lookUp(reader: Reader): number {
    const end = seriesEnd(reader.body, reader.pos, reader.end);
    if (end < 0) return -1;
    this.#table ??= new SeriesTable(this.plan);
    return this.#table.find(reader.body, this.#view, reader.pos, end);
  }
}

const NONE: readonly Metadata[] = [];

/** What is known of a page's series' hashes from the page before; `places` tells where each stood there. */
export function inheritHashes(plan: Plan, before: Plan, places: Int32Array): void {
  const known = before.hashes;
  if (!known) return;
  const { page, series, starts } = plan;
  const view = new DataView(page.buffer, page.byteOffset, page.length);
  const hashes = new Uint32Array(starts.length);
  for (let i = 0; i < hashes.length; i++) {
    hashes[i] = places[i]! >= 0 ? known[places[i]!]! : hashOf(view, series[i]!, starts[i]!);
  }
  plan.hashes = hashes;
}

/** Where the value of the series at `from` starts, as far as quotes and braces tell; -1 when that cannot be told. */
function seriesEnd(body: Buffer, from: number, end: number): number {
  let pos = from;
  while (pos < end && !endsName(body[pos]!)) pos++;
  pos = skipBlanks(body, pos, end);
  if (pos >= end || body[pos] !== 123) return pos;
  while (++pos < end && body[pos] !== 125) {
    const c = body[pos];
    if (c === 10) return -1;
    if (c === 34) while (++pos < end && body[pos] !== 34) if (body[pos] === 92) pos++;
  }
  return pos < end ? skipBlanks(body, pos + 1, end) : -1;
}

function endsName(c: number): boolean {
  return c === 32 || c === 9 || c === 123 || c === 10;
}

function skipBlanks(body: Buffer, from: number, end: number): number {
  let pos = from;
  while (pos < end && (body[pos] === 32 || body[pos] === 9)) pos++;
  return pos;
}
