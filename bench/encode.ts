/**
 * CPU time of remote-write encoding, a sample, beside the usual way: a message written by hand from label strings, then
 * compressed. `node bench/encode.ts [seconds a case]`
 */
import { labelsOf, makeFamily, makeSeries, makeSet, type Series, type SeriesSet, type Snapshot } from '#metrics';
import {
  compress,
  createRemoteWrite2Encoder,
  createRemoteWriteEncoder,
  type EncoderOptions,
  type RemoteWriteEncoder,
} from '#prometheus';
import { random } from '../test/support/random.ts';

const SERIES = 1000;
const seconds = Number(process.argv[2] ?? 1);
const next = random(1);

/** As a CoreDNS page has them: mostly histogram buckets, about 200 bytes a sample. */
function coredns(instance: string): Series[] {
  const duration = makeFamily('coredns_dns_request_duration_seconds', 'histogram');
  const requests = makeFamily('coredns_dns_requests_total', 'counter');
  return Array.from({ length: SERIES }, (_, i) => {
    const common = {
      instance,
      job: 'coredns',
      cluster: 'bench-cluster',
      zone: `zone-${Math.floor(i / 17)}.cluster.local.`,
    };
    const le = i % 17 === 16 ? '+Inf' : String(0.00025 * 2 ** (i % 17));
    return i % 10 < 8
      ? makeSeries(
          duration,
          labelsOf({ __name__: `${duration.name}_bucket`, le, server: 'dns://:53', view: '', ...common }),
        )
      : makeSeries(
          requests,
          labelsOf({
            __name__: requests.name,
            family: '1',
            proto: 'udp',
            server: 'dns://:53',
            type: `T${i}`,
            ...common,
          }),
        );
  });
}

const set = makeSet(coredns('10.0.0.1:9153'));
const columns = Array.from({ length: 8 }, () =>
  Float64Array.from({ length: SERIES }, () => (next() < 0.7 ? Math.floor(next() * 1e5) : next())),
);
let tick = 0;
const snapshot = (of: SeriesSet): Snapshot => ({
  set: of,
  values: columns[tick++ % columns.length]!,
  time: 1_700_000_000_000 + tick * 1000,
});
const OPTIONS: EncoderOptions = {
  lanes: 1,
  maxLength: 1_000_000,
  externalLabels: [],
  namespace: '',
  suffixes: false,
  resourceLabels: 'none',
  targetInfo: false,
  escape: true,
};
const encoder = () => createRemoteWriteEncoder(OPTIONS);

/** The whole message anew from strings, without intermediate objects (and for ASCII only): a careful encoder by hand. */
const out = Buffer.allocUnsafeSlow(SERIES * 1024);
function byHand({ set: { series }, values, time }: Snapshot): Buffer {
  let at = 0;
  const varint = (value: number) => {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 128;
    out[at++] = rest;
  };
  const text = (tag: number, value: string) => {
    out[at++] = tag;
    varint(value.length);
    for (let i = 0; i < value.length; i++) out[at++] = value.charCodeAt(i);
  };
  series.forEach(({ labels }, i) => {
    let length = 18;
    for (const part of labels) length += part.length + 2;
    length += labels.length;
    out[at++] = 0x0a;
    varint(length);
    for (let k = 0; k < labels.length; k += 2) {
      out[at++] = 0x0a;
      varint(labels[k]!.length + labels[k + 1]!.length + 4);
      text(0x0a, labels[k]!);
      text(0x12, labels[k + 1]!);
    }
    out[at++] = 0x12;
    out[at++] = 16;
    out[at++] = 0x09;
    at = out.writeDoubleLE(values[i]!, at);
    out[at++] = 0x10;
    varint(time);
  });
  return out.subarray(0, at);
}

function measure(title: string, run: () => void, against?: number): number {
  for (let warm = 0; warm < 30; warm++) run();
  let best = Number.POSITIVE_INFINITY;
  for (let part = 0; part < 5; part++) {
    const began = process.cpuUsage();
    const until = performance.now() + seconds * 200;
    let rounds = 0;
    while (performance.now() < until) {
      run();
      rounds++;
    }
    const { user, system } = process.cpuUsage(began);
    best = Math.min(best, ((user + system) * 1000) / rounds / SERIES);
  }
  const ratio = against ? `  ${(best / against).toFixed(4)} of by hand` : '';
  process.stdout.write(`${title.padEnd(44)} ${best.toFixed(1).padStart(8)} ns/sample${ratio}\n`);
  return best;
}

const message = Buffer.from(byHand(snapshot(set)));
process.stdout.write(`${SERIES} series, ${(message.length / SERIES).toFixed(1)} B/sample, `);
process.stdout.write(`snappy ${(compress(message).length / SERIES).toFixed(1)} B/sample\n`);

const hand = measure('by hand from strings, snappy', () => compress(byHand(snapshot(set))));
measure('  of it snappy', () => compress(message), hand);
const copies = (which: (i: number) => boolean) => makeSet(set.series.map((one, i) => (which(i) ? { ...one } : one)));
const times = Float64Array.from({ length: SERIES }, (_, i) => 1_700_000_000_000 + i);
const small = Array.from({ length: 20 }, (_, i) => makeSet(coredns(`10.0.2.${i}:9153`).slice(0, SERIES / 20)));
const exemplars = Array.from({ length: SERIES / 20 }, (_, i) => {
  const labels = labelsOf({ trace_id: `4bf92f3577b34da6a3ce929d0e0e${1000 + i}` });
  return { index: i * 20, labels, value: i };
});

function measureVersion(title: string, make: () => RemoteWriteEncoder): void {
  process.stdout.write(`${title}
`);
  const fresh = make();
  measure('  first scrape: all series new', () => send(fresh, snapshot(copies(() => true))), hand);
  const churning = make();
  measure(
    '  churn: one series in a thousand new each time',
    () => {
      const at = tick % SERIES;
      send(churning, snapshot(copies((i) => i === at)));
    },
    hand,
  );
  const timed = make();
  measure('  times of its own for each sample', () => send(timed, { ...snapshot(set), times }), hand);
  const exemplary = make();
  measure('  one series in 20 with an exemplar', () => send(exemplary, { ...snapshot(set), exemplars }), hand);
  const many = make();
  measure('  20 sources of 50 series in a batch', () => send(many, ...small.map((one) => snapshot(one))), hand);
  const stable = make();
  measure('  unchanged set: its template', () => send(stable, snapshot(set)), hand);
  const wire = stable.encode([snapshot(set)]).bodies.reduce((sum, body) => sum + body.bytes.length, 0);
  process.stdout.write(`  on the wire ${(wire / SERIES).toFixed(1)} B/sample\n`);
}
measureVersion('Remote Write 1.0', encoder);
measureVersion('Remote Write 2.0', () => createRemoteWrite2Encoder(OPTIONS));

const sources = Array.from({ length: 200 }, (_, i) => makeSet(coredns(`10.0.1.${i}:9153`)));
// Once for nothing: joined strings change their form when they are first read, which is not what is measured.
for (const one of sources) encoder().encode([snapshot(one)]);
const before = await memory();
const many = encoder();
const began = performance.now();
for (const one of sources) send(many, snapshot(one));
const took = performance.now() - began;
const kept = (await memory()) - before;
// Both must still be in use, or they would be collected and seem to take nothing.
send(many, snapshot(sources[0]!));
process.stdout.write(`${sources.length} sources: first scrapes ${Math.round(took)} ms, kept `);
process.stdout.write(`${(kept / sources.length / SERIES).toFixed(0)} B a series (exact with --expose-gc)\n`);

function send(to: RemoteWriteEncoder, ...batch: Snapshot[]): void {
  for (const made of to.encode(batch).bodies) to.recycle(made);
}

/** Bytes in use. What lies outside of the heap is counted off some time after a collection. */
async function memory(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
