/** A remote-write receiver that decodes strictly and keeps what came. */
import { decodeBody } from '../../support/write_request.ts';
import type { Lab } from './threat.ts';
import { answer, type RawRequest, serve } from './wire.ts';

export interface Point {
  /** Milliseconds since the epoch. */
  time: number;
  value: number;
  /** The value's sixteen hexadecimal digits. */
  bits: string;
}

export interface Kept {
  labels: ReadonlyMap<string, string>;
  points: Point[];
}

export interface Sink {
  url: string;
  /** Requests taken, and bytes of them. */
  requests: number;
  bytes: number;
  /** Series by their labels' text. */
  readonly series: ReadonlyMap<string, Kept>;
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
  const kept = new Map<string, Kept>();
  // Read when somebody asks: to decode a backlog as it comes would keep this process, and so its targets, from answering.
  const unread: Buffer[] = [];
  const series = (): ReadonlyMap<string, Kept> => {
    for (const body of unread.splice(0)) keep(kept, body, options.keep);
    return kept;
  };
  const sink: Sink = {
    url: '',
    requests: 0,
    bytes: 0,
    get series() {
      return series();
    },
    find: (name, labels = {}) =>
      [...series().values()].filter(
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

function keep(all: Map<string, Kept>, body: Buffer, wanted: SinkOptions['keep']): void {
  for (const { labels, samples } of decodeBody(body).series) {
    if (wanted && !wanted(nameOf(labels))) continue;
    const key = labels.join('\0');
    let one = all.get(key);
    if (!one) {
      const pairs = labels.flatMap((name, i) => (i % 2 === 0 ? [[name, labels[i + 1]!] as const] : []));
      one = { labels: new Map(pairs), points: [] };
      all.set(key, one);
    }
    for (const { time, value, bits } of samples) one.points.push({ time, value, bits });
  }
}

const nameOf = (labels: readonly string[]): string => labels[labels.indexOf('__name__') + 1] ?? '';
