import { halveWriteRequest, joinWriteRequests, type WriteBody } from './body.ts';
import { halveRequest, joinRequests } from './v2/rework.ts';

/** Several bodies of a lane, in this order, as one. All of one version. */
export function joinBodies(bodies: readonly WriteBody[]): WriteBody {
  if (bodies.length === 1) return bodies[0]!;
  return bodies[0]!.version === 2 ? joinRequests(bodies) : joinWriteRequests(bodies);
}

/** A body as two of about half its bytes, in order; undefined when it holds but one series. */
export function halveBody(body: WriteBody): [WriteBody, WriteBody] | undefined {
  return body.version === 2 ? halveRequest(body) : halveWriteRequest(body);
}

/** A body as so many that none is longer than `max` (or has more samples), but where a single series is. */
export function shrink(body: WriteBody, max: number, by: 'length' | 'samples' = 'length'): readonly WriteBody[] {
  const halves = body[by] > max ? halveBody(body) : undefined;
  return halves ? halves.flatMap((half) => shrink(half, max, by)) : [body];
}
