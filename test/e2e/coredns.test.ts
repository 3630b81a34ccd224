import { expect } from 'chai';
import { startAgent } from '../support/agent.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { keyOf, readPage, steady } from '../support/page.ts';
import { ask, startCoreDns, startPrometheus } from '../support/peers.ts';

const pipeline = (target: number, page: number, write: string) => `
receivers:
  prometheus:
    config:
      global: {scrape_interval: 500ms, scrape_timeout: 400ms}
      scrape_configs:
        - job_name: coredns
          static_configs: [{targets: ['127.0.0.1:${target}']}]
processors:
  batch: {timeout: 100ms}
exporters:
  prometheus: {endpoint: '127.0.0.1:${page}'}
  prometheusremotewrite: {endpoint: '${write}', external_labels: {via: push}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [prometheus], processors: [batch], exporters: [prometheus, prometheusremotewrite]}
`;

describe('dnscol between a real CoreDNS and a real Prometheus', () => {
  afterEach(stopChildren);

  it('gives what CoreDNS serves, by pull and by push, and ends it when CoreDNS ends', async () => {
    const coredns = await startCoreDns();
    await ask(coredns);
    const target = { job: 'coredns', instance: `127.0.0.1:${coredns.metrics}` };
    const served = await readPage(`http://127.0.0.1:${coredns.metrics}/metrics`, { extra: target });

    const [page = 0] = await freePorts(1);
    const prometheus = await startPrometheus([`127.0.0.1:${page}`]);
    await startAgent(pipeline(coredns.metrics, page, prometheus.write));

    const ours = await until(async () => {
      const got = await readPage(`http://127.0.0.1:${page}/metrics`);
      return got.samples.size > 0 && got;
    }, 'the agent shows a page');
    expect(steady(ours.samples, /^coredns_/)).to.deep.equal(steady(served.samples, /^coredns_/));
    expect(ours.samples.get(keyOf({ __name__: 'up', ...target }))).to.equal(1);
    for (const [family, type] of served.types) expect(ours.types.get(family), family).to.equal(type);

    const wanted = steady(served.samples, /^coredns_/);
    for (const via of ['push', 'pull']) {
      const stored = await until(async () => {
        const got = await prometheus.query(`{__name__=~"coredns_.+",__name__!~"coredns_health_.+",via="${via}"}`);
        return got.length >= wanted.length && got;
      }, `Prometheus has what came by ${via}`);
      const values = new Map(stored.map(({ labels, value }) => [keyOf(labels, ['via']), value]));
      expect(steady(values), via).to.deep.equal(wanted);
    }
    const [failed] = await prometheus.query('sum(coredns_dns_responses_total{via="push",rcode="NXDOMAIN"})');
    expect(failed?.value).to.equal(1);
    const [asked] = await prometheus.query('sum(coredns_dns_requests_total{via="pull",zone="example.org."})');
    expect(asked?.value).to.equal(4);
    const metadata = await prometheus.metadata();
    expect(metadata.coredns_dns_requests_total?.[0]?.type).to.equal('counter');
    expect(metadata.coredns_dns_request_duration_seconds?.[0]?.type).to.equal('histogram');

    await coredns.stop();
    await until(
      async () => (await prometheus.query('coredns_dns_requests_total')).length === 0,
      'no series of CoreDNS is left',
      15_000,
    );
    const up = await prometheus.query('up{job="coredns"}');
    expect(up.map(({ value }) => value)).to.deep.equal([0, 0]);

    await startCoreDns(coredns);
    await until(
      async () => (await prometheus.query('coredns_build_info')).length === 2,
      'the series come back with CoreDNS',
      15_000,
    );
  });
});
