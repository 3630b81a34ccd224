import { expect } from 'chai';
import { startAgent } from '../support/agent.ts';
import { stopChildren, until } from '../support/children.ts';
import { keyOf } from '../support/page.ts';
import { type Prometheus, startCollector, startCoreDns, startPrometheus } from '../support/peers.ts';

/** The shape that AWS' guide to ENA's DNS limits gives a Collector: relabelling with `$$1`, batch/metrics, remote write. */
const seed = (target: number, write: string, via: string) => `
receivers:
  prometheus:
    config:
      global:
        scrape_interval: 500ms
        scrape_timeout: 400ms
        external_labels: {cluster: seed, via: ${via}}
      scrape_configs:
        - job_name: kubernetes-service-endpoints
          static_configs:
            - targets: ['127.0.0.1:1']
              labels:
                __meta_port: '${target}'
                __meta_label_k8s_app: kube-dns
                __meta_scrape: 'true'
            - targets: ['127.0.0.1:2']
              labels: {__meta_scrape: 'false'}
          relabel_configs:
            - {action: keep, source_labels: [__meta_scrape], regex: true}
            - action: replace
              source_labels: [__address__, __meta_port]
              regex: ([^:]+)(?::\\d+)?;(\\d+)
              replacement: $$1:$$2
              target_label: __address__
            - {action: labelmap, regex: __meta_label_(.+)}
            - {action: replace, source_labels: [k8s_app], regex: (.+)-dns, replacement: '$1', target_label: kind}
          metric_relabel_configs:
            - {action: keep, source_labels: [__name__], regex: 'coredns_(build_info|plugin_enabled|panics_total)'}
processors:
  batch/metrics:
    timeout: 200ms
exporters:
  prometheusremotewrite:
    endpoint: ${write}
    target_info: {enabled: false}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics:
      receivers: [prometheus]
      processors: [batch/metrics]
      exporters: [prometheusremotewrite]
`;

/** What tells the two apart, and the labels by which the Collector names its receiver. */
const PEERS_OWN = ['via', 'otel_scope_name', 'otel_scope_version'];

const stored = async (prometheus: Prometheus, via: string) =>
  (await prometheus.query(`{cluster="seed",via="${via}"}`))
    .filter(({ labels }) => !labels.__name__?.startsWith('scrape_') && !labels.__name__?.startsWith('otel_'))
    .map(({ labels, value }) => `${keyOf(labels, PEERS_OWN)} ${value}`)
    .sort();

describe("the seed's pipeline", () => {
  afterEach(stopChildren);

  it('runs in dnscol as it runs in the Collector, and stores the same series', async () => {
    const coredns = await startCoreDns();
    const prometheus = await startPrometheus();
    await startAgent(seed(coredns.metrics, prometheus.write, 'dnscol'));
    const ours = await until(async () => {
      const got = await stored(prometheus, 'dnscol');
      return got.length > 1 && got;
    }, "Prometheus has dnscol's series");
    const labels = `cluster="seed",instance="127.0.0.1:${coredns.metrics}",job="kubernetes-service-endpoints",k8s_app="kube-dns",kind="kube"`;
    expect(ours).to.include(`coredns_panics_total{${labels}} 0`);
    expect(ours).to.include(`up{${labels}} 1`);

    await startCollector(seed(coredns.metrics, prometheus.write, 'collector'));
    const theirs = await until(async () => {
      const got = await stored(prometheus, 'collector');
      return got.length >= ours.length && got;
    }, "Prometheus has the Collector's series");
    expect(ours).to.deep.equal(theirs);
  });
});
