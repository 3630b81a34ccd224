/**
 * CPU time of OTLP encoding, a sample, beside the OpenTelemetry SDK: its data objects made anew for each scrape and given to
 * its exporter, whose transport is cut off. `node bench/otlp.ts [seconds a case]`
 */
import { gzipSync } from 'node:zlib';
import { ValueType } from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import { type Labels, labelsOf, makeFamily, makeSeries, makeSet, type SeriesSet, type Snapshot } from '#metrics';
import { createJsonEncoder, createProtobufEncoder, type MetricPlan, planOf, StartTimes } from '#otlp';

const seconds = Number(process.argv[2] ?? 1);
const SCOPE = { name: 'dnscol', version: 'bench' };
const TARGET = { job: 'coredns', instance: '10.0.0.1:9153' };

/** A thousand counters: the dearest there is, as each sample is a data point with attributes of its own. */
function counters(): SeriesSet {
  return makeSet(
    Array.from({ length: 1000 }, (_, i) => {
      const name = `coredns_c${i % 100}_total`;
      const own = { server: 'dns://:53', zone: '.', rcode: `R${Math.floor(i / 100)}` };
      return makeSeries(family(name, 'counter'), labelsOf({ __name__: name, ...TARGET, ...own }));
    }).sort((a, b) => (a.family.name < b.family.name ? -1 : 1)),
  );
}

const families = new Map<string, ReturnType<typeof makeFamily>>();
function family(name: string, type: 'counter' | 'histogram') {
  const known = families.get(name) ?? makeFamily(name, type, 'Counts or times what was asked.');
  families.set(name, known);
  return known;
}

/** As CoreDNS has: four of five samples are buckets. */
function coredns(): SeriesSet {
  const bounds = [...Array.from({ length: 16 }, (_, i) => String(0.00025 * 2 ** i)), '+Inf'];
  const histograms = Array.from({ length: 42 }, (_, i) => {
    const name = `coredns_h${i % 6}_seconds`;
    const own = { ...TARGET, server: 'dns://:53', zone: `zone${Math.floor(i / 6)}.` };
    const one = (suffix: string, more = {}) =>
      makeSeries(family(name, 'histogram'), labelsOf({ __name__: name + suffix, ...own, ...more }));
    return [...bounds.map((le) => one('_bucket', { le })), one('_sum'), one('_count')];
  });
  return makeSet([...histograms.flat(), ...counters().series.slice(0, 202)]);
}

function measure(title: string, samples: number, run: () => void): void {
  for (let warm = 0; warm < 20; warm++) run();
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
    best = Math.min(best, ((user + system) * 1000) / rounds / samples);
  }
  process.stdout.write(`  ${title.padEnd(44)} ${best.toFixed(1).padStart(8)} ns/sample\n`);
}

const attributesOf = (labels: Labels): Record<string, string> => {
  const attributes: Record<string, string> = {};
  for (let i = 0; i < labels.length; i += 2) attributes[labels[i]!] = labels[i + 1]!;
  return attributes;
};

/** The SDK's objects, from a plan that is there already: more than fair. */
function sdkMetric(metric: MetricPlan, values: Float64Array): MetricData {
  const { name, description, unit } = metric;
  const time: [number, number] = [1_700_000_000, 0];
  const common = { startTime: time, endTime: time };
  const base = {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (metric.data === 'summary' || metric.data === 'native') throw new Error(`the SDK has nothing for ${metric.data}`);
  if (metric.data !== 'histogram') {
    const dataPoints = metric.points.map((p) => ({
      ...common,
      attributes: attributesOf(p.attributes),
      value: values[p.value]!,
    }));
    return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints };
  }
  const dataPoints = metric.points.map((p) => {
    const upTo = p.buckets.map((index) => values[index]!);
    const counts = [...upTo, values[p.count]!].map((count, i) => count - (i ? upTo[i - 1]! : 0));
    const value = { buckets: { boundaries: [...p.bounds], counts }, count: values[p.count]!, sum: values[p.sum]! };
    return { ...common, attributes: attributesOf(p.attributes), value };
  });
  return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
}

/** The SDK's exporter without the network. */
function cutOff(): OTLPMetricExporter {
  const exporter = new OTLPMetricExporter({ url: 'http://127.0.0.1:1/v1/metrics', concurrencyLimit: 1e9 });
  const { _delegate } = exporter as unknown as { _delegate: { _transport: { send(): Promise<unknown> } } };
  _delegate._transport.send = async () => ({ status: 'success' });
  return exporter;
}

for (const [title, set] of [
  ['CoreDNS, mostly histograms', coredns()],
  ['counters', counters()],
] as const) {
  const samples = set.series.length;
  const starts = new StartTimes();
  const protobuf = createProtobufEncoder(SCOPE);
  const json = createJsonEncoder(SCOPE);
  let time = 1_700_000_000_000;
  const values = [1, 2].map((k) => Float64Array.from(set.series, (_, i) => k * 1000 + i));
  const next = (of = set): Snapshot => {
    time += 1000;
    return { set: of, values: values[(time / 1000) % 2]!, time };
  };
  const body = protobuf.encode(starts.stamp([next()]));
  const exporter = cutOff();
  const resource = resourceFromAttributes({ 'service.name': 'coredns', 'service.instance.id': '10.0.0.1:9153' });

  process.stdout.write(`${title}: ${samples} samples, ${planOf(set).points} points, ${body.length} bytes\n`);
  measure('protobuf', samples, () => protobuf.encode(starts.stamp([next()])));
  measure('JSON', samples, () => Buffer.from(json.encode(starts.stamp([next()]))));
  measure('protobuf, another set each time', samples, () =>
    protobuf.encode(starts.stamp([next(makeSet([...set.series]))])),
  );
  measure('the SDK: objects and its exporter (JSON)', samples, () => {
    const snapshot = next();
    const metrics = planOf(set).resources[0]!.scopes[0]!.metrics.map((metric) => sdkMetric(metric, snapshot.values));
    exporter.export({ resource, scopeMetrics: [{ scope: SCOPE, metrics }] }, () => {});
  });
  measure('gzip of the protobuf', samples, () => gzipSync(body));
}
