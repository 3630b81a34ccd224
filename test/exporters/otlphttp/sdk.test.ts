import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { expect } from 'chai';
import type { ExporterFactory } from '#component';
import { parse } from '#config';
import otlphttp from '../../../exporters/otlphttp/otlphttp.ts';
import { snapshotOf } from '../../support/batch.ts';
import { fakeHost } from '../../support/host.ts';
import { pageOf } from '../../support/otlp.ts';
import type { Message } from '../../support/protobuf.ts';
import { closeServers, httpServer, readAll } from '../../support/servers.ts';

const never = new AbortController().signal;
const BOUNDS = [0.5, 2];

/** What both can say, in one order and one spelling: the SDK writes 64-bit counts as numbers. */
function comparable(request: Message): unknown {
  const { resource, scopeMetrics } = (request.resourceMetrics as Message[])[0]!;
  const metrics = [...((scopeMetrics as Message[])[0]!.metrics as { name: string }[] & Message[])].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  return {
    resource: sorted((resource as Message).attributes),
    metrics: metrics.map(({ name, description, unit, gauge, sum, histogram }) => {
      const { dataPoints, ...traits } = (gauge ?? sum ?? histogram) as Message;
      const kind = gauge ? 'gauge' : sum ? 'sum' : 'histogram';
      return {
        name,
        description,
        unit: unit || undefined,
        kind,
        ...traits,
        points: (dataPoints as Message[]).map(point),
      };
    }),
  };
}

function point({ attributes, asDouble, count, sum, bucketCounts, explicitBounds }: Message): unknown {
  const counts = (bucketCounts as (string | number)[] | undefined)?.map(Number);
  const total = count === undefined ? undefined : Number(count);
  return { attributes: sorted(attributes), asDouble, count: total, sum, counts, explicitBounds };
}

const sorted = (attributes: unknown) =>
  [...((attributes ?? []) as { key: string }[])].sort((a, b) => (a.key < b.key ? -1 : 1));

/**
 * @opentelemetry/exporter-metrics-otlp-http is the reference for everything that its types can carry
 * (docs/decisions/0008-otlp.md).
 */
describe('exporters/otlphttp beside the OpenTelemetry SDK', () => {
  afterEach(closeServers);

  it('says the same of sums, gauges and histograms', async () => {
    const got: Message[] = [];
    const { port } = await httpServer(async (request, response) => {
      got.push(JSON.parse((await readAll(request)).toString()));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    const endpoint = `http://127.0.0.1:${port}`;
    await sendWithSdk(`${endpoint}/v1/metrics`);
    await sendOurs(endpoint);
    expect(got).to.have.length(2);
    expect(comparable(got[1]!)).to.deep.equal(comparable(got[0]!));
  });
});

async function sendWithSdk(url: string): Promise<void> {
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ url }) });
  const provider = new MeterProvider({
    resource: resourceFromAttributes({
      'service.name': 'coredns',
      'service.instance.id': 'node-a',
      'server.address': 'node-a',
    }),
    readers: [reader],
    views: [
      {
        instrumentName: 'took_seconds',
        aggregation: {
          type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM,
          options: { boundaries: BOUNDS, recordMinMax: false },
        },
      },
    ],
  });
  const meter = provider.getMeter('dnscol');
  const requests = meter.createCounter('dns_requests_total', { description: 'Help of dns_requests_total.' });
  requests.add(3, { zone: '.', 'utf8.läbel': 'ü' });
  requests.add(4.5, { zone: 'a.' });
  meter.createGauge('cache_entries', { description: 'Help of cache_entries.' }).record(-1.5);
  const took = meter.createHistogram('took_seconds', { description: 'Help of took_seconds.', unit: 's' });
  for (const seconds of [0.25, 0.5, 1, 4]) took.record(seconds, { zone: '.' });
  await provider.shutdown();
}

async function sendOurs(endpoint: string): Promise<void> {
  const factory = otlphttp as ExporterFactory;
  const config = { endpoint, encoding: 'json', compression: 'none', sending_queue: { enabled: false } };
  const exporter = factory.create(parse(factory.config, config), fakeHost('exporter'));
  await exporter.start?.(never);
  const bucket = (le: string): [string, Record<string, string>] => ['took_seconds_bucket', { zone: '.', le }];
  const set = pageOf(
    [
      [
        'counter',
        'dns_requests_total',
        ['dns_requests_total', { zone: '.', 'utf8.läbel': 'ü' }],
        ['dns_requests_total', { zone: 'a.' }],
      ],
      ['gauge', 'cache_entries', ['cache_entries']],
      [
        'histogram',
        'took_seconds',
        bucket('0.5'),
        bucket('2'),
        bucket('+Inf'),
        ['took_seconds_sum', { zone: '.' }],
        ['took_seconds_count', { zone: '.' }],
      ],
    ],
    undefined,
    { job: 'coredns', instance: 'node-a' },
  );
  await exporter.consume([snapshotOf(set, [3, 4.5, -1.5, 2, 3, 4, 5.75, 4])], never);
  await exporter.stop?.(never);
}
