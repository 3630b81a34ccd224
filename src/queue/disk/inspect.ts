/** What a queue finds in its folder at the start. Whatever is wrong with a file costs that file's damaged records at most. */
import type { Disk, DiskFile } from './disk.ts';
import {
  ACK,
  checkHeader,
  type Done,
  FRAME,
  HEADER,
  parseName,
  readAcks,
  readSummary,
  type SegmentName,
  SUMMARY,
  scan,
  summaryOf,
} from './format.ts';
import { add, makeSegment, type Segment, writeAll } from './segment.ts';

export interface Finding {
  /** By age. */
  segments: Segment[];
  /** Records that were cut off by the end of the process that wrote them, with their points. */
  torn: number[];
  /** Segments in which there were records, and in which there is nothing any more. */
  emptied: string[];
  /** Files that look like segments, and the reason why they are left alone. */
  leftAlone: { path: string; why: string }[];
}

/** Rejects only when the folder itself cannot be listed. */
export async function inspect(folder: string, disk: Disk): Promise<Finding> {
  const names = (await disk.list(folder)).flatMap((name) => parseName(name) ?? []);
  const segments = names.filter(({ kind }) => kind === 'seg').sort((a, b) => a.seq - b.seq);
  const finding: Finding = { segments: [], torn: [], emptied: [], leftAlone: [] };
  for (const name of segments) {
    const segment = makeSegment(folder, name);
    try {
      const found = await look(segment, disk, finding, name === segments.at(-1));
      if (found) finding.segments.push(segment);
    } catch (error) {
      finding.leftAlone.push({ path: `${segment.path}.seg`, why: (error as Error).message });
    }
  }
  await removeStrayAcks(folder, names, disk);
  return finding;
}

async function removeStrayAcks(folder: string, names: readonly ReturnType<typeof parseName>[], disk: Disk) {
  const key = (name: SegmentName) => makeSegment(folder, name).path;
  const there = new Set(names.filter((name) => name!.kind === 'seg').map((name) => key(name!)));
  for (const name of names) {
    if (name!.kind === 'ack' && !there.has(key(name!))) await disk.remove(`${key(name!)}.ack`).catch(() => {});
  }
}

/** Fills in what is known of the segment; undefined when there is nothing in it, or nothing for this version. */
async function look(segment: Segment, disk: Disk, finding: Finding, youngest: boolean): Promise<Segment | undefined> {
  const { path, name } = segment;
  const file = await disk.open(`${path}.seg`, 'read');
  let closed = false;
  let empty = false;
  try {
    segment.size = await file.size();
    empty = segment.size <= HEADER;
    const header = await read(file, 0, Math.min(HEADER, segment.size));
    if (checkHeader(header, name.salt) === 'foreign') {
      finding.leftAlone.push({ path: `${path}.seg`, why: 'it was written by another version of dnscol' });
      return undefined;
    }
    await readDone(segment, disk);
    closed = await readTotal(segment, file);
    if (!closed) await count(segment, file, finding);
  } finally {
    await file.close();
  }
  if (segment.size <= HEADER) {
    // The next is made only when this one is written: one that was made and never written is the youngest.
    if (empty && (!youngest || segment.ackSize)) finding.emptied.push(`${path}.seg`);
    await disk.remove(`${path}.seg`).catch(() => {});
    await disk.remove(`${path}.ack`).catch(() => {});
    return undefined;
  }
  segment.closed = true;
  if (!closed) await finish(segment, disk).catch(() => {});
  return segment;
}

async function read(file: DiskFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, await file.read(bytes, position));
}

async function readDone(segment: Segment, disk: Disk): Promise<void> {
  let bytes: Buffer;
  try {
    const file = await disk.open(`${segment.path}.ack`, 'read');
    try {
      bytes = await read(file, 0, await file.size());
    } finally {
      await file.close();
    }
  } catch {
    // Not there, or not to be read: what was done will be sent again.
    return;
  }
  segment.ackSize = bytes.length - (bytes.length % ACK);
  const acks = readAcks(bytes, segment.name.salt);
  for (const one of acks) add(segment.done, one);
  segment.skip = joined(acks);
}

/** By place, with neighbours as one: there may be as many lines as records. */
function joined(acks: readonly Done[]): Done[] {
  const found: { -readonly [K in keyof Done]: Done[K] }[] = [];
  for (const one of acks.toSorted((a, b) => a.from - b.from)) {
    const last = found.at(-1);
    if (last && one.from <= last.to) last.to = Math.max(last.to, one.to);
    else found.push({ ...one });
  }
  return found;
}

async function readTotal(segment: Segment, file: DiskFile): Promise<boolean> {
  const length = Math.min(SUMMARY, segment.size);
  const summary = readSummary(await read(file, segment.size - length, length), segment.name.salt);
  if (summary) segment.total = summary;
  return summary !== undefined;
}

const CHUNK = 1024 * 1024;

/** Counts what a segment holds that was not closed, and cuts off a record that is there in part. */
async function count(segment: Segment, file: DiskFile, { torn }: Finding): Promise<void> {
  let want = CHUNK;
  for (let begin = HEADER; begin < segment.size; ) {
    const bytes = await read(file, begin, Math.min(want, segment.size - begin));
    const last = begin + bytes.length >= segment.size;
    if (bytes.length === 0) break;
    let at = 0;
    want = CHUNK;
    while (at < bytes.length) {
      const one = scan(bytes, at, segment.name.salt, last);
      if (one.is === 'more') {
        if (one.end !== undefined) want = Math.max(CHUNK, one.end - at);
        else if (at === 0) at = bytes.length - FRAME + 1;
        break;
      }
      if (one.is === 'damage' && last && one.end === bytes.length) {
        const cut = one.points !== undefined || bytes.length - at < FRAME;
        if (cut) {
          torn.push(one.points ?? 0);
          segment.size = begin + at;
          return;
        }
      }
      if (one.is === 'record' || (one.is === 'damage' && one.points !== undefined)) {
        add(segment.total, { records: 1, points: one.points ?? 0 });
      }
      at = one.end;
    }
    begin += at;
  }
}

/** Closes it in place of the process that could not. */
async function finish(segment: Segment, disk: Disk): Promise<void> {
  const file = await disk.open(`${segment.path}.seg`, 'update');
  try {
    const summary = summaryOf(segment.total, segment.name.salt);
    await writeAll(file, [summary], segment.size, () => {});
    await file.truncate(segment.size + summary.length);
    segment.size += summary.length;
  } finally {
    await file.close();
  }
}
