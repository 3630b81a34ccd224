import { expect } from 'chai';
import type { ExporterFactory } from '#component';
import { parse } from '#config';
import { markStale } from '#metrics';
import debug, { createDebug } from '../../../exporters/debug/debug.ts';
import { exporterContract } from '../../contract/exporter.ts';
import { batchOf, snapshotOf } from '../../support/batch.ts';
import { CUSTOM, EXPONENTIAL, nativeSet, nativeSnapshot } from '../../support/histograms.ts';
import { fakeHost } from '../../support/host.ts';
import { EVERY_VALUE, everyType, pageOf } from '../../support/otlp.ts';

const never = new AbortController().signal;
const factory = debug as ExporterFactory;
const everything = () => batchOf(snapshotOf(everyType(), EVERY_VALUE));

async function make(config: Record<string, unknown>) {
  const host = fakeHost('exporter', 'debug');
  const written = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr') => ({
    write(text: string, done: () => void) {
      written[name] += text;
      done();
    },
  });
  const read = parse(factory.config, config) as Parameters<typeof createDebug>[0];
  const exporter = createDebug(read, host, { stdout: output('stdout'), stderr: output('stderr') });
  await exporter.start?.(never);
  return { exporter, host, written };
}

describe('exporters/debug', () => {
  exporterContract(debug, { config: () => ({ verbosity: 'detailed' }) });

  it('says how much there is, into the log', async () => {
    const { exporter, host } = await make({});
    await exporter.consume(everything(), never);
    const fields = { 'resource metrics': 1, metrics: 7, 'data points': 8, samples: 15 };
    expect(host.logs).to.deep.equal([
      { level: 'info', message: 'Metrics', fields, manner: { always: true, text: '' } },
    ]);
  });

  it('shows a line for each data point with verbosity normal', async () => {
    const { exporter, written, host } = await make({ verbosity: 'Normal', use_internal_logger: false });
    await exporter.consume(everything(), never);
    expect(host.logs).to.deep.equal([]);
    expect(written.stdout.split('\n')).to.deep.equal([
      'Metrics {"resource metrics":1,"metrics":7,"data points":8,"samples":15}',
      'ResourceMetrics #0 server.address=10.0.0.7 server.port=9153 service.instance.id=10.0.0.7:9153 service.name=coredns',
      'ScopeMetrics #0 dnscol@0.0.0-test',
      'dns_requests_total{zone=.} 3',
      'dns_requests_total{zone=a.} 0',
      'cache_entries{} -1.5',
      'odd{utf8.läbel=ü} NaN',
      'took_seconds{zone=.} count=6 sum=7.25 le0.5=2 le2=3 1',
      'gc_seconds{} count=9 sum=1.5 q0.5=0.01 q1=Infinity',
      'build_info{version=1.12} 1',
      'health{health=ok} 1',
      '',
    ]);
  });

  it('shows everything with verbosity detailed, in one event of the log that its sampling may not leave out', async () => {
    const { exporter, host } = await make({ verbosity: 'detailed' });
    const set = pageOf(
      [
        ['counter', 'x', ['x_total', { zone: 'a\nb', otel_scope_name: 'lib', otel_scope_team: 'dns' }]],
        ['histogram', 'h_seconds', ['h_seconds_bucket', { le: '+Inf' }], ['h_seconds_sum'], ['h_seconds_count']],
        ['summary', 's', ['s', { quantile: '0.5' }], ['s_sum'], ['s_count']],
      ],
      undefined,
      { job: 'j' },
    );
    await exporter.consume([snapshotOf(set, [1, 2, 3.5, 2, 0.1, 4, 5])], never);
    expect(host.logs).to.have.length(1);
    expect(host.logs[0]!.manner?.always).to.equal(true);
    expect(host.logs[0]!.manner?.text?.split('\n')).to.deep.equal([
      'ResourceMetrics #0',
      'Resource attributes:',
      '     -> service.name: Str(j)',
      'ScopeMetrics #0',
      'InstrumentationScope lib ',
      'InstrumentationScope attributes:',
      '     -> team: Str(dns)',
      'Metric #0',
      'Descriptor:',
      '     -> Name: x_total',
      '     -> Description: Help of x.',
      '     -> Unit: ',
      '     -> DataType: Sum',
      '     -> Metadata:',
      '          -> prometheus.type: Str(counter)',
      '     -> IsMonotonic: true',
      '     -> AggregationTemporality: Cumulative',
      'NumberDataPoints #0',
      'Data point attributes:',
      '     -> zone: Str(a\\u000ab)',
      'StartTimestamp: 2023-11-14T22:13:20.000Z',
      'Timestamp: 2023-11-14T22:13:20.000Z',
      'Value: 1',
      'ScopeMetrics #1',
      'InstrumentationScope dnscol 0.0.0-test',
      'Metric #0',
      'Descriptor:',
      '     -> Name: h_seconds',
      '     -> Description: Help of h_seconds.',
      '     -> Unit: s',
      '     -> DataType: Histogram',
      '     -> Metadata:',
      '          -> prometheus.type: Str(histogram)',
      '     -> AggregationTemporality: Cumulative',
      'HistogramDataPoints #0',
      'StartTimestamp: 2023-11-14T22:13:20.000Z',
      'Timestamp: 2023-11-14T22:13:20.000Z',
      'Count: 2',
      'Sum: 3.5',
      'Buckets #0, Count: 2',
      'Metric #1',
      'Descriptor:',
      '     -> Name: s',
      '     -> Description: Help of s.',
      '     -> Unit: ',
      '     -> DataType: Summary',
      '     -> Metadata:',
      '          -> prometheus.type: Str(summary)',
      'SummaryDataPoints #0',
      'StartTimestamp: 2023-11-14T22:13:20.000Z',
      'Timestamp: 2023-11-14T22:13:20.000Z',
      'Count: 5',
      'Sum: 4',
      'QuantileValue #0: Quantile 0.5, Value 0.1',
    ]);
  });

  const natives = () =>
    batchOf(
      nativeSnapshot(nativeSet('a.', 'b.', 'c.'), [{ ...EXPONENTIAL, schema: 0 }, CUSTOM, undefined], {
        exemplars: [{ index: 0, labels: ['id', 'x', 'trace_id', 'ab'], value: 3, timestamp: 1_700_000_000_000 }],
      }),
    );
  it('shows native histograms, and each bucket that is not empty', async () => {
    const { exporter, written } = await make({ verbosity: 'normal', use_internal_logger: false });
    await exporter.consume(natives(), never);
    expect(written.stdout.split('\n').slice(3, 6)).to.deep.equal([
      'h{zone=a.} count=10 sum=-2.5 [-32, -16)=4 [-0.001, 0.001]=2 (0.25, 0.5]=1 (2, 4]=3',
      'h{zone=c.} stale',
      'h{zone=b.} count=4 sum=7.5 le0.5=1 le2=0 3',
    ]);
  });

  it('shows native histograms and exemplars in full', async () => {
    const { exporter, written } = await make({ verbosity: 'detailed', use_internal_logger: false });
    await exporter.consume(natives(), never);
    const lines = written.stdout.split('\n');
    const from = lines.indexOf('ExponentialHistogramDataPoints #0');
    expect(lines.slice(from - 6, lines.indexOf('ExponentialHistogramDataPoints #1'))).to.deep.equal([
      '     -> Description: Help of h.',
      '     -> Unit: ',
      '     -> DataType: ExponentialHistogram',
      '     -> Metadata:',
      '          -> prometheus.type: Str(histogram)',
      '     -> AggregationTemporality: Cumulative',
      'ExponentialHistogramDataPoints #0',
      'Data point attributes:',
      '     -> zone: Str(a.)',
      'StartTimestamp: 2023-11-14T22:13:20.000Z',
      'Timestamp: 2023-11-14T22:13:20.000Z',
      'Count: 10',
      'Sum: -2.5',
      'Bucket [-32, -16), Count: 4',
      'Bucket [-0.001, 0.001], Count: 2',
      'Bucket (0.25, 0.5], Count: 1',
      'Bucket (2, 4], Count: 3',
      'Exemplars:',
      'Exemplar #0',
      '     -> Trace ID: 000000000000000000000000000000ab',
      '     -> Timestamp: 2023-11-14T22:13:20.000Z',
      '     -> Value: 3',
      '     FilteredAttributes:',
      '          -> id: Str(x)',
    ]);
    expect(lines).to.include.members(['HistogramDataPoints #0', 'ExplicitBounds #1: 2', 'Buckets #2, Count: 3']);
  });

  it('tells staleness from NaN', async () => {
    const set = pageOf([['gauge', 'g', ['g', { n: '1' }], ['g', { n: '2' }]]]);
    const values = Float64Array.of(Number.NaN, 0);
    markStale(values, 1);
    for (const [verbosity, want] of [
      ['normal', ['g{n=1} NaN', 'g{n=2} stale']],
      ['detailed', ['Value: NaN', 'Flags: NoRecordedValue']],
    ] as const) {
      const { exporter, written } = await make({ verbosity, use_internal_logger: false, output_paths: ['stderr'] });
      await exporter.consume([{ set, values, time: 1 }], never);
      expect(written.stderr.split('\n')).to.include.members([...want]);
      expect(written.stdout).to.equal('');
    }
  });

  it('shows of each second the first ones, then every so-many-eth', async () => {
    const { exporter, host } = await make({ sampling_initial: 2, sampling_thereafter: 3 });
    const shown = async (batches: number) => {
      const before = host.logs.length;
      for (let i = 0; i < batches; i++) await exporter.consume(everything(), never);
      return host.logs.length - before;
    };
    expect(await shown(9)).to.equal(4);
    await host.clock.advance(1000);
    expect(await shown(2)).to.equal(2);
  });

  it('shows no more than the first ones when sampling_thereafter is 0', async () => {
    const { exporter, host } = await make({ sampling_initial: 1, sampling_thereafter: 0 });
    for (let i = 0; i < 5; i++) await exporter.consume(everything(), never);
    expect(host.logs).to.have.length(1);
  });

  it('gives a batch back when the output does not take it', async () => {
    const read = parse(factory.config, { use_internal_logger: false }) as Parameters<typeof createDebug>[0];
    const broken = { write: (_: string, done: (error: Error) => void) => done(new Error('EPIPE')) };
    const exporter = createDebug(read, fakeHost('exporter', 'debug'), { stdout: broken, stderr: broken });
    await exporter.start?.(never);
    const error = await exporter.consume(everything(), never).catch((e: Error) => e.message);
    expect(error).to.equal('EPIPE');
  });

  it('refuses output_paths beside the internal logger', () => {
    expect(() => parse(factory.config, { output_paths: ['stdout'] })).to.throw('needs use_internal_logger: false');
  });
});
