/**
 * Time to read protobuf pages, a sample, by how many of their metrics have other numbers than on the page before; best of
 * many runs. `node bench/protobuf.ts`
 */
import { createProtobufParser } from '#prometheus';
import { family, protobufPage } from '../test/support/metric_family.ts';
import type { Message } from '../test/support/protobuf.ts';

type Metric = [Record<string, string>, Message];
const ZONES = Array.from({ length: 40 }, (_, i) => `zone${i}.example.org.`);
const TYPES = ['A', 'AAAA', 'PTR', 'SRV', 'TXT'];
const server = 'dns://:53';

/** A thousand samples as CoreDNS has them; the first `changing` metrics of each family change with `n`. */
function flat(n: number, changing: number): Buffer {
  const bump = (metric: number) => (metric < changing ? n : 0);
  const requests = ZONES.flatMap((zone, z) =>
    TYPES.map((type, t): Metric => {
      const value = z + bump(z * TYPES.length + t);
      return [
        { server, zone, type, proto: 'udp' },
        { value, createdTimestamp: { seconds: 1_700_000_000 } },
      ];
    }),
  );
  const entries = ZONES.map((zone, z): Metric => [{ server, zone, type: 'success' }, { value: 1 + bump(z) }]);
  const took = ZONES.map((zone, z): Metric => {
    const bucket = Array.from({ length: 16 }, (_, b) => ({
      upperBound: 0.00025 * 2 ** b,
      cumulativeCount: 100 * b + bump(z),
    }));
    return [
      { server, zone },
      { sampleCount: 10_000 + bump(z), sampleSum: 1.5, bucket },
    ];
  });
  return protobufPage([
    family('counter', 'coredns_dns_requests_total', requests),
    family('gauge', 'coredns_cache_entries', entries),
    family('histogram', 'coredns_dns_request_duration_seconds', took),
  ]);
}

/** Two hundred native histograms of forty buckets. */
function native(n: number, changing: number): Buffer {
  const deltas = Array.from({ length: 39 }, (_, i) => (i % 2 ? 1 : -1));
  const took = ZONES.flatMap((zone, z) =>
    TYPES.map((type, t): Metric => {
      const more = z * TYPES.length + t < changing ? n : 0;
      const positiveSpan = [
        { offset: -20, length: 20 },
        { offset: 3, length: 20 },
      ];
      const numbers = { sampleCount: 400 + more, sampleSum: 1.5, schema: 3, zeroThreshold: 1e-128 };
      return [
        { server, zone, type },
        { ...numbers, positiveSpan, positiveDelta: [10 + more, ...deltas] },
      ];
    }),
  );
  return protobufPage([family('histogram', 'coredns_dns_request_duration_seconds', took)]);
}

function measure(title: string, make: (n: number, changing: number) => Buffer, changing: number): void {
  const parser = createProtobufParser({ native: true, classic: false });
  const pages = Array.from({ length: 50 }, (_, n) => make(n, changing));
  let best = Number.POSITIVE_INFINITY;
  let samples = 0;
  for (let round = 0; round < 60; round++) {
    const started = performance.now();
    for (const page of pages) samples = parser.parse(page).values.length;
    best = Math.min(best, (performance.now() - started) / pages.length);
  }
  process.stdout.write(`${title.padEnd(36)} ${((best * 1e6) / samples).toFixed(0).padStart(6)} ns a sample\n`);
}

measure('flat, nothing changed', flat, 0);
measure('flat, 20 of each family changed', flat, 20);
measure('flat, all changed', flat, Number.POSITIVE_INFINITY);
measure('native, nothing changed', native, 0);
measure('native, all changed', native, Number.POSITIVE_INFINITY);
