import type { Disk, DiskFile } from './disk.ts';
import { ACK, ackOf, type Done, formatName, HEADER, type SegmentName, summaryOf, type Tally } from './format.ts';

/** One file of records, and what is known of it. */
export interface Segment {
  readonly name: SegmentName;
  readonly path: string;
  /** Bytes that may be read: whole records only, while it is still written. */
  size: number;
  /** Whole lines of the `.ack` file; undefined while there is no such file. */
  ackSize: number | undefined;
  /** Bytes before this one were handed out or skipped. */
  read: number;
  /** Nothing more is written to it. */
  closed: boolean;
  /** Its files are deleted, or are to be read no more. */
  gone: boolean;
  /** Within damaged bytes, which have been counted already. */
  astray: boolean;
  /** All records that were ever written; undefined where that can no longer be told. */
  total: Tally;
  /** Records that were sent, given up or lost. */
  readonly done: Tally;
  /** Records that were handed out and are not done. */
  readonly out: Tally;
  /** Ranges that were done before this process, by place. */
  skip: readonly Done[];
  /** Ranges that are done, and not in the `.ack` file yet. */
  readonly owed: Done[];
  file: DiskFile | undefined;
  ack: DiskFile | undefined;
  /** What is written to the `.ack` file, one after the other. */
  acking: Promise<void>;
}

export function makeSegment(folder: string, name: SegmentName): Segment {
  return {
    name,
    path: `${folder}/${formatName(name)}`,
    size: HEADER,
    ackSize: undefined,
    read: HEADER,
    closed: false,
    gone: false,
    astray: false,
    total: { records: 0, points: 0 },
    done: { records: 0, points: 0 },
    out: { records: 0, points: 0 },
    skip: [],
    owed: [],
    file: undefined,
    ack: undefined,
    acking: Promise.resolve(),
  };
}

export function add(tally: Tally, { records, points }: Tally, sign = 1): void {
  tally.records += sign * records;
  tally.points += sign * points;
}

/** Not handed out yet and, as far as one knows, still there. */
export function unreadOf({ total, done, out }: Segment): Tally {
  return {
    records: Math.max(0, total.records - done.records - out.records),
    points: Math.max(0, total.points - done.points - out.points),
  };
}

/** Writes all parts, or rejects; `written` is told how far it got, in any case. */
export async function writeAll(
  file: DiskFile,
  parts: readonly Uint8Array[],
  position: number,
  written: (bytes: number) => void,
): Promise<void> {
  let rest = parts;
  let at = position;
  while (rest.length) {
    let n = await file.write(rest, at);
    if (n <= 0) throw Object.assign(new Error('the disk took nothing'), { code: 'EIO' });
    at += n;
    written(at - position);
    const left: Uint8Array[] = [];
    for (const part of rest) {
      if (n >= part.length) n -= part.length;
      else {
        left.push(n ? part.subarray(n) : part);
        n = 0;
      }
    }
    rest = left;
  }
}

/**
 * Adds what is owed to the `.ack` file. Gives the error, if any; then it is still owed: without its line, a range is sent
 * again after a crash.
 */
export function acknowledge(segment: Segment, disk: Disk, grow: (bytes: number) => void): Promise<unknown> {
  const result = segment.acking.then(async () => {
    const owed = segment.owed.length;
    if (segment.gone || !owed) return;
    segment.ack ??= await disk.open(`${segment.path}.ack`, 'update');
    segment.ackSize ??= 0;
    const lines = segment.owed.map((done) => ackOf(done, segment.name.salt));
    // A line that was written in part is written over: its place counts only when it is whole.
    await writeAll(segment.ack, lines, segment.ackSize, () => {});
    segment.ackSize += owed * ACK;
    segment.owed.splice(0, owed);
    if (!segment.gone) grow(owed * ACK);
  });
  segment.acking = result.catch(() => {});
  return result.then(
    () => undefined,
    (error) => error ?? new Error('unknown'),
  );
}

/**
 * Ends writing to it, with a summary, so that the next process need not read it to count what is in it. Gives what remains to be
 * done, and may take long: syncing and closing.
 */
export async function closeSegment(segment: Segment, failed: (error: unknown) => void): Promise<() => Promise<void>> {
  const { file } = segment;
  segment.closed = true;
  segment.file = undefined;
  if (!file) return async () => {};
  try {
    const summary = summaryOf(segment.total, segment.name.salt);
    await writeAll(file, [summary], segment.size, () => {});
    if (segment.read >= segment.size) segment.read += summary.length;
    segment.size += summary.length;
  } catch (error) {
    failed(error);
  }
  return async () => {
    if (!segment.gone) await file.sync().catch(failed);
    await file.close().catch(failed);
  };
}

/** Deletes its files. Where that cannot be done, all of it is marked as done, so that it is not sent again. */
export async function removeSegment(segment: Segment, disk: Disk, failed: (error: unknown) => void): Promise<void> {
  segment.gone = true;
  await segment.acking;
  const { file, ack } = segment;
  segment.file = undefined;
  segment.ack = undefined;
  await file?.close().catch(failed);
  try {
    await removed(disk, `${segment.path}.seg`);
  } catch (error) {
    failed(error);
    const all = ackOf({ from: HEADER, to: segment.size, records: 0, points: 0 }, segment.name.salt);
    await ack?.write([all], segment.ackSize ?? 0).catch(failed);
    await ack?.close().catch(failed);
    return;
  }
  await ack?.close().catch(failed);
  if (segment.ackSize !== undefined) await removed(disk, `${segment.path}.ack`).catch(failed);
}

async function removed(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
