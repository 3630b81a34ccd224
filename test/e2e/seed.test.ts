import { expect } from 'chai';
import { startAgent } from '../support/agent.ts';
import { stopChildren, until } from '../support/children.ts';
import { startInCluster } from '../support/in-cluster.ts';
import { type KubeApi, startKubeApi } from '../support/kube-apiserver.ts';
import { create, podObject } from '../support/kube-objects.ts';
import { keyOf } from '../support/page.ts';
import { type Prometheus, startCollector, startCoreDns, startPrometheus } from '../support/peers.ts';
import { closeServers, httpServer, readAll } from '../support/servers.ts';

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

/** One of AWS' jobs for what asks by annotation to be scraped: the same rules for services and for pods. */
const byAnnotation = (role: string, of: string, more = '') => `
      - job_name: kubernetes-${role === 'pod' ? 'pods' : 'service-endpoints'}
        kubernetes_sd_configs:
        - role: ${role}
        relabel_configs:
        - action: keep
          regex: true
          source_labels:
          - __meta_kubernetes_${of}_annotation_prometheus_io_scrape
        - action: replace
          regex: (https?)
          source_labels:
          - __meta_kubernetes_${of}_annotation_prometheus_io_scheme
          target_label: __scheme__
        - action: replace
          regex: (.+)
          source_labels:
          - __meta_kubernetes_${of}_annotation_prometheus_io_path
          target_label: __metrics_path__
        - action: replace
          regex: ([^:]+)(?::\\d+)?;(\\d+)
          replacement: $$1:$$2
          source_labels:
          - __address__
          - __meta_kubernetes_${of}_annotation_prometheus_io_port
          target_label: __address__
        - action: labelmap
          regex: __meta_kubernetes_${of}_annotation_prometheus_io_param_(.+)
          replacement: __param_$$1
        - action: labelmap
          regex: __meta_kubernetes_${of}_label_(.+)
        - action: replace
          source_labels:
          - __meta_kubernetes_namespace
          target_label: kubernetes_namespace
        - action: replace
          source_labels:
          - __meta_kubernetes_${of}_name
          target_label: kubernetes_name${more}
`;

const PHASES = `
        - action: drop
          regex: Pending|Succeeded|Failed|Completed
          source_labels:
          - __meta_kubernetes_pod_phase`;

/** What AWS' guide gives an operator: discovery in the cluster that it runs in, and a signature on what is written. */
const aws = (write: string, via: string, signed: boolean) => `
${
  signed
    ? `
extensions:
  sigv4auth:
    region: "us-west-2"
    service: "aps"
`
    : ''
}
receivers:
  prometheus:
    config:
      global:
        scrape_interval: 1s
        scrape_timeout: 900ms
        external_labels: {cluster: seed, via: ${via}}

      scrape_configs:
${byAnnotation('endpoints', 'service')}
${byAnnotation('pod', 'pod', PHASES)}
processors:
  batch/metrics:
    timeout: 1s

exporters:
  prometheusremotewrite:
    endpoint: ${write}
    target_info: {enabled: false}
${signed ? '    auth: {authenticator: sigv4auth}' : ''}

service:
${signed ? '  extensions: [sigv4auth]' : ''}
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics:
      receivers: [prometheus]
      processors: [batch/metrics]
      exporters: [prometheusremotewrite]
`;

describe("the seed's pipeline", () => {
  afterEach(async () => {
    await stopChildren();
    await closeServers();
  });

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

  it('finds pods and services by annotation in its cluster, as the Collector does, and signs what it writes', async () => {
    const prometheus = await startPrometheus();
    const api = await startKubeApi();
    await rights(api);
    const asked = new Set<string>();
    const page = await httpServer((request, response) => {
      asked.add(request.url!);
      response.writeHead(200, { 'content-type': 'text/plain' }).end('it_works 1\n');
    });
    const annotations = {
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': `${page.port}`,
      'prometheus.io/path': '/a/page',
      'prometheus.io/scheme': 'http',
      'prometheus.io/param_module': 'dns',
    };
    await create(api, `${DEFAULT}/pods`, podObject('pod', '127.0.0.1', {}, { annotations, labels: { app: 'p' } }));
    await create(api, `${DEFAULT}/pods`, podObject('silent', '127.0.0.1'));
    // The API takes no loopback address for an endpoint; a name that leads there it does not know.
    await create(api, `${DEFAULT}/services`, {
      metadata: { name: 'service', annotations: { ...annotations, 'prometheus.io/port': '1' }, labels: { app: 's' } },
      spec: { ports: [{ port: 1 }] },
    });
    await create(api, `${DEFAULT}/endpoints`, {
      metadata: { name: 'service' },
      subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 1 }] }],
    });

    const signatures = new Set<string>();
    const receiver = await httpServer(async (request, response) => {
      signatures.add(String(request.headers.authorization));
      const body = await readAll(request);
      const { authorization, host, ...headers } = request.headers as Record<string, string>;
      const passed = await fetch(prometheus.write, { method: 'POST', headers, body });
      response.writeHead(passed.status).end(await passed.text());
    });
    const write = `http://127.0.0.1:${receiver.port}/workspaces/ws-1/api/v1/remote_write`;
    const env = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' };
    await startInCluster(api, aws(write, 'dnscol', true), { env });
    const ours = await until(async () => {
      const got = await stored(prometheus, 'dnscol');
      return got.length >= 3 && got;
    }, "Prometheus has dnscol's series");
    const pod = `app="p",cluster="seed",instance="127.0.0.1:${page.port}",job="kubernetes-pods",kubernetes_name="pod",kubernetes_namespace="default"`;
    expect(ours).to.include(`it_works{${pod}} 1`);
    expect([...asked]).to.deep.equal(['/a/page?module=dns']);
    expect(signatures.size).to.be.greaterThan(0);
    for (const one of signatures) {
      expect(one).to.match(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-west-2\/aps\/aws4_request, /);
    }

    // The Collector here has no sigv4auth, and no cluster around it: both are the agent's to prove.
    const theirs = aws(prometheus.write, 'collector', false).replace(
      /- role: .*/g,
      (role) => `${role}\n          kubeconfig_file: ${api.kubeconfig('admin')}`,
    );
    await startCollector(theirs);
    await until(async () => {
      const got = await stored(prometheus, 'collector');
      return got.join('\n') === ours.join('\n');
    }, "Prometheus has the Collector's series, and they are the same").catch(() => {});
    expect(await stored(prometheus, 'collector')).to.deep.equal(ours);
  });
});

const DEFAULT = '/api/v1/namespaces/default';

/** What AWS gives its collector, but for what is not asked for here. */
async function rights(api: KubeApi): Promise<void> {
  await create(api, '/api/v1/namespaces', { metadata: { name: 'dnscol' } });
  await create(api, '/api/v1/namespaces/dnscol/serviceaccounts', { metadata: { name: 'dnscol' } });
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  await create(api, `${rbac}/clusterroles`, {
    metadata: { name: 'adot' },
    rules: [{ apiGroups: [''], resources: ['services', 'endpoints', 'pods'], verbs: ['get', 'list', 'watch'] }],
  });
  await create(api, `${rbac}/clusterrolebindings`, {
    metadata: { name: 'adot' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'adot' },
    subjects: [{ kind: 'ServiceAccount', name: 'dnscol', namespace: 'dnscol' }],
  });
}
