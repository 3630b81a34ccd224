import type { Payload } from '../codec.ts';
import { type Done, FRAME, fileHeader, frameOf, HEADER, scan, type Tally } from './format.ts';
import {
  acknowledge,
  add,
  closeSegment,
  makeSegment,
  removeSegment,
  type Segment,
  unreadOf,
  writeAll,
} from './segment.ts';
import type { Surroundings } from './store.ts';

/** Where a record lies. */
export interface Place {
  readonly segment: Segment;
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

export interface Stored extends Place {
  readonly payload: Payload;
}

/** So much is read at once. */
const CHUNK = 256 * 1024;
/** An emptied segment that is still written to is replaced from this size on, so that a drained queue gives its room back. */
const WORTH_REMOVING = 1024 * 1024;

/** The records of one lane, first in, first out, in segments. */
export class LaneLog {
  readonly lane: number;
  readonly lanes: number;
  readonly #around: Surroundings;
  /** Oldest first. Only the last may still be written to. */
  #segments: Segment[];

  constructor(around: Surroundings, lane: number, lanes: number, segments: Segment[] = []) {
    this.#around = around;
    this.lane = lane;
    this.lanes = lanes;
    this.#segments = segments;
  }

  /** Whether there is something to `take`. */
  get unread(): boolean {
    return this.nextToRead !== undefined;
  }

  get nextToRead(): Segment | undefined {
    return this.#segments.find(({ read, size }) => read < size);
  }

  get oldest(): Segment | undefined {
    return this.#segments[0];
  }

  /**
   * Adds records in one write. Gives the places of those that are whole on the disk, which are fewer than asked for when
   * `error` is there. They are unread; `claim` takes those that need not be read back.
   */
  async append(
    records: readonly { payload: Payload; points: number }[],
  ): Promise<{ places: Place[]; error?: unknown }> {
    let segment: Segment;
    try {
      segment = await this.#writable(records[0]!.payload);
    } catch (error) {
      return { places: [], error };
    }
    const { salt } = segment.name;
    const isNew = segment.size === HEADER;
    const parts: Uint8Array[] = isNew ? [fileHeader(segment.name)] : [];
    const places: Place[] = [];
    let at = segment.size;
    for (const { payload, points } of records) {
      const from = at;
      at += FRAME + payload.head.length + payload.body.length;
      if (places.length && at > this.#around.segmentBytes) break;
      parts.push(frameOf(payload, points, salt), payload.head, payload.body);
      places.push({ segment, from, to: at, points });
    }
    const start = isNew ? 0 : segment.size;
    let written = 0;
    try {
      const note = (bytes: number) => {
        written = bytes;
      };
      await writeAll(segment.file!, parts, start, note);
    } catch (error) {
      return { places: await this.#salvage(segment, places, start + written), error };
    }
    // Dropped meanwhile, with all that was in it.
    if (segment.gone) return { places: [] };
    this.#commit(segment, places);
    return { places };
  }

  /** Takes a place that `append` gave as if it had been read; false when something before it is unread. */
  claim({ segment, from, to, points }: Place): boolean {
    if (segment.gone || segment.read !== from) return false;
    if (this.nextToRead !== segment) return false;
    segment.read = to;
    add(segment.out, { records: 1, points });
    return true;
  }

  /** The next records, in order, about `CHUNK` bytes of them; none when damage or acknowledged records fill all of it. */
  async take(): Promise<Stored[]> {
    const segment = this.nextToRead;
    if (!segment) return [];
    const { disk } = this.#around;
    const own = segment.file ? undefined : await disk.open(`${segment.path}.seg`, 'read');
    const file = own ?? segment.file!;
    const found: Stored[] = [];
    try {
      let want = CHUNK;
      while (want) {
        const begin = segment.read;
        const buffer = Buffer.allocUnsafeSlow(Math.min(want, segment.size - begin));
        const got = await file.read(buffer, begin);
        if (segment.gone) return [];
        // A file that is shorter than it was holds no more.
        if (got < buffer.length) this.#cutOff(segment, begin + got);
        want = got ? this.#pick(segment, buffer.subarray(0, got), begin, found) : 0;
      }
    } finally {
      await own?.close();
    }
    if (segment.read >= segment.size) await this.#passed(segment);
    return found;
  }

  #cutOff(segment: Segment, size: number): void {
    this.#around.grow(size - segment.size);
    segment.size = size;
  }

  /** Is told that these records are done with; when it resolves, no later process will see them. */
  done(places: readonly Place[]): Promise<void> {
    return this.#around.track(this.#done(places));
  }

  async #done(places: readonly Place[]): Promise<void> {
    const work: Promise<void>[] = [];
    for (const range of ranges(places)) {
      const { segment } = range;
      if (segment.gone) continue;
      add(segment.out, range, -1);
      add(segment.done, range);
      add(this.#around.pending, range, -1);
      if (this.#isOver(segment)) work.push(this.#remove(segment));
      else {
        segment.owed.push(range);
        work.push(this.#acknowledge(segment));
      }
    }
    await Promise.all(work);
  }

  /** Forgets a segment, sent or not; gives what was unread in it, and leaves what was handed out to its holder. */
  drop(segment: Segment): Tally {
    const left = unreadOf(segment);
    add(this.#around.pending, left, -1);
    add(this.#around.pending, segment.out, -1);
    void this.#around.track(this.#remove(segment));
    return left;
  }

  /** Ends writing; another append begins a new segment. What is empty leaves no file behind. */
  async close(): Promise<void> {
    const { failed } = this.#around;
    for (const segment of [...this.#segments]) {
      if (!segment.closed) await this.#closeSegment(segment);
      if (this.#isOver(segment)) await this.#remove(segment);
      else await this.#acknowledge(segment);
      const { ack } = segment;
      segment.ack = undefined;
      await ack?.sync().catch((error) => failed('sync', error));
      await ack?.close().catch((error) => failed('close', error));
    }
  }

  async sync(): Promise<void> {
    for (const segment of this.#segments) {
      if (segment.owed.length) await this.#acknowledge(segment);
      await segment.file?.sync();
      await segment.ack?.sync();
    }
  }

  async #writable(first: Payload): Promise<Segment> {
    const { segmentBytes, folder, disk, next } = this.#around;
    const last = this.#segments.at(-1);
    const length = FRAME + first.head.length + first.body.length;
    if (last && !last.closed) {
      if (last.size === HEADER || last.size + length <= segmentBytes) return last;
      await this.#closeSegment(last);
      if (this.#isOver(last)) await this.#remove(last);
    }
    await disk.makeFolder(folder);
    const segment = makeSegment(folder, next(this.lane, this.lanes));
    segment.file = await disk.open(`${segment.path}.seg`, 'create');
    this.#around.newFile();
    this.#segments.push(segment);
    this.#around.grow(HEADER);
    return segment;
  }

  async #closeSegment(segment: Segment): Promise<void> {
    const { failed, grow, track } = this.#around;
    const before = segment.size;
    const rest = await closeSegment(segment, (error) => failed('close', error));
    if (!segment.gone) grow(segment.size - before);
    void track(rest());
  }

  #commit(segment: Segment, places: readonly Place[]): void {
    const end = places.at(-1)?.to;
    if (end === undefined || segment.gone) return;
    const added = { records: places.length, points: places.reduce((sum, { points }) => sum + points, 0) };
    this.#around.grow(end - segment.size);
    segment.size = end;
    add(segment.total, added);
    add(this.#around.pending, added);
  }

  /** After a write that failed: keeps the records that are whole, cuts off the rest, and writes to this segment no more. */
  async #salvage(segment: Segment, places: readonly Place[], end: number): Promise<Place[]> {
    const whole = segment.gone ? [] : places.filter(({ to }) => to <= end);
    this.#commit(segment, whole);
    await segment.file?.truncate(segment.size).catch(() => {});
    await segment.file?.close().catch(() => {});
    segment.file = undefined;
    segment.closed = true;
    if (segment.size === HEADER) await this.#remove(segment);
    return whole;
  }

  /** What stands in `bytes`, which were read at `begin`; how much to read next when that was too little, else 0. */
  #pick(segment: Segment, bytes: Buffer, begin: number, found: Stored[]): number {
    const { salt } = segment.name;
    const last = begin + bytes.length >= segment.size;
    let at = 0;
    while (at < bytes.length) {
      const one = scan(bytes, at, salt, last);
      if (one.is === 'more') {
        if (at) break;
        if (one.end !== undefined) return one.end;
        // Nothing but damage as far as one can see: go on where the next frame may begin.
        this.#damaged(segment, undefined);
        segment.read = begin + bytes.length - FRAME + 1;
        return CHUNK;
      }
      at = one.end;
      segment.read = begin + at;
      if (one.is === 'damage') {
        if (!isDone(segment, begin + one.start)) this.#damaged(segment, one.points);
        // A known length ends the damage; else it ended where the next frame stands.
        segment.astray = false;
        continue;
      }
      segment.astray = false;
      if (one.is === 'summary' || isDone(segment, begin + one.start)) continue;
      const { points, payload } = one;
      add(segment.out, { records: 1, points });
      found.push({ segment, from: begin + one.start, to: begin + one.end, points, payload });
    }
    return 0;
  }

  #damaged(segment: Segment, points: number | undefined): void {
    if (!segment.astray) this.#around.corrupt();
    segment.astray = true;
    if (points === undefined) return;
    this.#lose(segment, { records: 1, points });
  }

  #lose(segment: Segment, lost: Tally): void {
    if (!lost.records && !lost.points) return;
    add(segment.done, lost);
    add(this.#around.pending, lost, -1);
    this.#around.lost('corrupt', lost.points);
  }

  /** All of it was read: what was counted in and did not come out is lost. */
  async #passed(segment: Segment): Promise<void> {
    this.#lose(segment, unreadOf(segment));
    if (this.#isOver(segment)) await this.#remove(segment);
  }

  #isOver(segment: Segment): boolean {
    if (segment.gone || segment.read < segment.size || segment.out.records > 0) return false;
    return segment.closed || segment.size >= WORTH_REMOVING;
  }

  async #acknowledge(segment: Segment): Promise<void> {
    const { disk, grow, failed } = this.#around;
    const error = await acknowledge(segment, disk, grow);
    if (!error) return;
    failed('acknowledge', error);
    // So that it is tried again with the next sync.
    grow(0);
  }

  async #remove(segment: Segment): Promise<void> {
    const { disk, grow, failed } = this.#around;
    if (segment.gone) return;
    segment.gone = true;
    segment.closed = true;
    this.#segments = this.#segments.filter((one) => one !== segment);
    grow(-segment.size - (segment.ackSize ?? 0));
    await removeSegment(segment, disk, (error) => failed('remove', error));
  }
}

const isDone = ({ skip }: Segment, at: number): boolean => skip.some(({ from, to }) => from <= at && at < to);

interface Range extends Done {
  readonly segment: Segment;
}

/** Neighbouring places of a segment as one. */
function ranges(places: readonly Place[]): Range[] {
  const found: { -readonly [K in keyof Range]: Range[K] }[] = [];
  for (const { segment, from, to, points } of places) {
    const last = found.at(-1);
    if (last?.segment === segment && last.to === from) {
      last.to = to;
      last.records++;
      last.points += points;
    } else found.push({ segment, from, to, records: 1, points });
  }
  return found;
}
