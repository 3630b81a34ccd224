import type { Stamped } from '#otlp';
import type { Body } from './post.ts';

/** What waits to be sent: series sets are shared, so a sample costs little more than its eight bytes. */
export interface Item {
  /** Empty for what was read back from the queue on disk. */
  readonly stamped: readonly Stamped[];
  readonly points: number;
  /** Made at the first attempt, kept for the next. */
  body?: Promise<Body>;
  /** Read back from the queue on disk: it is sent as it is. */
  readonly ready?: Body;
  /** Of what is ready: its sources, in order, where it may be cut between them. */
  readonly parts?: readonly Part[] | undefined;
}

/** A source in a request: bytes before packing, and points. */
export type Part = readonly [bytes: number, points: number];

export function itemOf(stamped: readonly Stamped[]): Item {
  return { stamped, points: stamped.reduce((sum, { snapshot }) => sum + snapshot.values.length, 0) };
}
