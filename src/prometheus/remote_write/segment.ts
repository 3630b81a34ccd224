import type { Labels, Series } from '#metrics';
import { type Packed, pack } from './pack.ts';
import { encodeRecords, type Records, recordEnds } from './records.ts';
import { decompress, joinElements } from './snappy.ts';

/** Some dozens of neighbouring series of one source, encoded and compressed once. */
export interface Segment {
  /** The series, in order: who they are decides whether a later set can use the segment again. */
  readonly series: readonly Series[];
  /** Bytes of the records, unpacked. */
  readonly length: number;
  readonly packed: Packed;
}

/** `labels[i]` is what `series[i]` is sent with. */
export function buildSegment(series: readonly Series[], labels: readonly Labels[]): Segment {
  const records = encodeRecords(labels);
  return { series, length: records.bytes.length, packed: pack(records) };
}

/** A segment's records, unpacked again for what its packed form cannot express. */
export function recordsOf({ length, packed }: Segment): Records {
  const bytes = decompress(joinElements(length, [packed.bytes]), length);
  return { bytes, ends: recordEnds(bytes) };
}
