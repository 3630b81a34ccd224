/** A remote-write receiver that decodes strictly and keeps what came. */

import { type Kept, type Point, takeIn } from './decode.ts';
import type { Lab } from './threat.ts';
import { answer, type RawRequest, serve } from './wire.ts';

export interface Sink {
  url: string;
  /** Requests taken, and bytes of them. */
  requests: number;
  bytes: number;
  /** The series of this name with these labels. */
  find(name: string, labels?: Readonly<Record<string, string>>): Kept[];
  /** Points of all of them since `since`, a wall time. */
  points(name: string, labels?: Readonly<Record<string, string>>, since?: number): Point[];
  /** Takes a request's body in. */
  take(body: Buffer): void;
  forget(): void;
}

export interface SinkOptions {
  /** Which series to keep; all when left out. */
  keep?(name: string): boolean;
  /** Takes the request off the sink's hands when it returns true. */
  meet?(request: RawRequest, reply: (bytes: Buffer) => void, destroy: () => void): boolean;
}

export async function startSink(lab: Lab, options: SinkOptions = {}): Promise<Sink> {
  const kept = new Map<string, Kept | null>();
  // Read when somebody asks: to decode a backlog as it comes would keep this process, and so its targets, from answering.
  const unread: Buffer[] = [];
  const series = (): Kept[] => {
    for (const body of unread.splice(0)) takeIn(kept, body, options.keep);
    return [...kept.values()].filter((one) => one !== null);
  };
  const sink: Sink = {
    url: '',
    requests: 0,
    bytes: 0,
    find: (name, labels = {}) =>
      series().filter(
        (one) =>
          one.labels.get('__name__') === name &&
          Object.entries(labels).every(([label, value]) => one.labels.get(label) === value),
      ),
    points: (name, labels = {}, since = 0) =>
      sink.find(name, labels).flatMap(({ points }) => points.filter((point) => point.time >= since)),
    take: (body) => void unread.push(body),
    forget() {
      unread.length = 0;
      kept.clear();
    },
  };
  const listener = await serve(lab, (request, socket) => {
    if (
      options.meet?.(
        request,
        (bytes) => socket.write(bytes),
        () => socket.resetAndDestroy(),
      )
    )
      return;
    sink.requests++;
    sink.bytes += request.body.length;
    sink.take(request.body);
    socket.write(answer(204));
  });
  sink.url = `http://127.0.0.1:${listener.port}/api/v1/write`;
  return sink;
}
