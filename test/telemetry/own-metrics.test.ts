import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { parse } from '#config';
import { telemetry } from '../../src/config/service.ts';
import { MeterRegistry } from '../../src/telemetry/meter.ts';
import { collectorNames } from '../../src/telemetry/pull.ts';
import { startOwnMetrics } from '../../src/telemetry/telemetry.ts';

const start = (registry: MeterRegistry, metrics: object, resource: object = {}) =>
  startOwnMetrics(registry, parse(telemetry, { metrics, resource }), '1.2.3', () => 'an-instance');
const page = (extra: object = {}) => ({
  pull: { exporter: { prometheus: { host: '127.0.0.1', port: 0, ...extra } } },
});

async function pageOf(metrics: object, fill: (registry: MeterRegistry) => void, resource?: object): Promise<string> {
  const registry = new MeterRegistry();
  fill(registry);
  const own = await start(registry, metrics, resource);
  try {
    return await (await fetch(own.addresses[0]!)).text();
  } finally {
    await own.stop();
  }
}

const count = (registry: MeterRegistry) => {
  const { meter } = registry.scope({ exporter: 'otlphttp' });
  meter.counter('otelcol_exporter_sent_metric_points', { help: 'Sent.', unit: '{datapoints}' }).add(7);
  meter.histogram('otelcol_processor_internal_duration', { unit: 's' }).record(1);
};

describe('startOwnMetrics', () => {
  const collector = { without_scope_info: true, without_units: true, without_type_suffix: true };

  it("shows counters under the Collector's names on a page", async () => {
    const text = await pageOf({ readers: [page(collector)] }, count);
    expect(text).to.include('# HELP otelcol_exporter_sent_metric_points Sent.\n');
    expect(text).to.include('# TYPE otelcol_exporter_sent_metric_points counter\n');
    expect(text).to.include('otelcol_exporter_sent_metric_points{exporter="otlphttp"} 7\n');
    expect(text).to.not.include('# UNIT');
  });

  it("adds suffixes for a reader of the user's own, as the Collector does", async () => {
    const text = await pageOf({ readers: [page()] }, count);
    expect(text).to.match(/^otelcol_exporter_sent_metric_points_total\{exporter="otlphttp",otel_scope_name="dnscol"/m);
    expect(text).to.match(/^otelcol_process_uptime_seconds_total\{/m);
    expect(text).to.match(/^otelcol_process_memory_rss_bytes\{/m);
  });

  it('shows what the process costs', async () => {
    const text = await pageOf({ readers: [page(collector)] }, () => {});
    for (const name of [
      'otelcol_process_uptime',
      'otelcol_process_cpu_seconds',
      'otelcol_process_memory_rss',
      'otelcol_process_runtime_heap_alloc_bytes',
      'nodejs_eventloop_delay_p99',
    ]) {
      expect(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]), name).to.be.at.least(0);
    }
    expect(text).to.match(
      /^target_info\{service_name="dnscol",service_version="1\.2\.3",service_instance_id="an-instance"\} 1$/m,
    );
  });

  it('takes the resource of the configuration, where a null takes away', async () => {
    const resource = { 'service.name': 'mine', 'service.version': null, 'k8s.node.name': 'n1' };
    const text = await pageOf({ readers: [page(collector)] }, () => {}, resource);
    expect(text).to.include('target_info{service_name="mine",service_instance_id="an-instance",k8s_node_name="n1"} 1');
  });

  it('shows families that come later, and after a new start none of a component that has gone', async () => {
    const registry = new MeterRegistry();
    const { meter, close } = registry.scope({ receiver: 'r' });
    const lookAfter = async (change: () => void) => {
      const own = await start(registry, { readers: [page(collector)] });
      change();
      const text = await (await fetch(own.addresses[0]!)).text();
      await own.stop();
      return text;
    };
    const text = await lookAfter(() => meter.counter('otelcol_receiver_accepted_metric_points').add(1));
    expect(text).to.include('otelcol_receiver_accepted_metric_points{receiver="r"} 1');
    expect(await lookAfter(close)).to.include('otelcol_process_uptime');
    expect(await lookAfter(() => {})).to.not.include('receiver="r"');
  });

  it('leaves histograms out at level basic', async () => {
    const text = await pageOf({ level: 'basic', readers: [page(collector)] }, count);
    expect(text).to.include('otelcol_exporter_sent_metric_points');
    expect(text).to.not.include('otelcol_processor_internal_duration');
  });

  it('starts nothing at level none', async () => {
    const own = await start(new MeterRegistry(), { level: 'none', readers: [page()] });
    expect(own.addresses).to.deep.equal([]);
    await own.stop();
  });

  it('says in a sentence that a port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const error = await start(new MeterRegistry(), { readers: [page({ port })] }).then(
      () => undefined,
      (e: Error) => e,
    );
    other.close();
    expect(error?.message).to.include(`127.0.0.1:${port}`).and.to.include('in use');
  });

  it('answers 404 elsewhere, and says where the page is', async () => {
    const own = await start(new MeterRegistry(), { readers: [page()] });
    const answer = await fetch(new URL('/other', own.addresses[0]));
    expect(answer.status).to.equal(404);
    expect(await answer.text()).to.include('/metrics');
    await own.stop();
  });

  it('pushes by OTLP, what is left at the end included', async () => {
    const bodies: string[] = [];
    const headers: (string | string[] | undefined)[] = [];
    const receiver = createServer((request, response) => {
      headers.push(request.headers['x-key']);
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(`${request.url} ${body}`);
        response.end('{}');
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => receiver.once('listening', resolve));
    const { port } = receiver.address() as AddressInfo;
    const registry = new MeterRegistry();
    count(registry);
    const otlp = { endpoint: `http://127.0.0.1:${port}`, headers: [{ name: 'x-key', value: 'v' }] };
    const own = await start(registry, {
      readers: [{ periodic: { interval: 60_000, timeout: 5000, exporter: { otlp } } }],
    });
    await own.stop();
    receiver.close();
    expect(bodies).to.have.length(1);
    expect(bodies[0])
      .to.match(/^\/v1\/metrics /)
      .and.to.include('otelcol_exporter_sent_metric_points');
    expect(headers).to.deep.equal(['v']);
  });
});

describe('collectorNames', () => {
  const units = new Map([
    ['a', 's'],
    ['b_bytes', 'By'],
    ['h', 'ms'],
  ]);
  const text =
    '# HELP a_total x\n# UNIT a_total s\n# TYPE a_total counter\na_total{l="a_total"} 1\n\nb_bytes 2\nh_bucket{le="1"} 3\n';

  it('takes the type suffix off and leaves labels alone', () => {
    expect(collectorNames(text, units, { without_type_suffix: true, without_units: true })).to.equal(
      '# HELP a x\n# TYPE a counter\na{l="a_total"} 1\n\nb_bytes 2\nh_bucket{le="1"} 3\n',
    );
  });

  it('puts units before the other suffixes, once', () => {
    expect(collectorNames(text, units, { without_type_suffix: false, without_units: false })).to.equal(
      '# HELP a_seconds_total x\n# TYPE a_seconds_total counter\na_seconds_total{l="a_total"} 1\n\nb_bytes 2\nh_milliseconds_bucket{le="1"} 3\n',
    );
  });

  it('does not touch names that it does not know', () => {
    expect(collectorNames('other_total 1\n', units, { without_type_suffix: true, without_units: true })).to.equal(
      'other_total 1\n',
    );
  });
});
