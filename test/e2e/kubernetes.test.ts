import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { PROJECT, startAgent } from '../support/agent.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { startInCluster } from '../support/in-cluster.ts';
import { type KubeApi, startKubeApi } from '../support/kube-apiserver.ts';
import { create, podObject, populate } from '../support/kube-objects.ts';
import { keyOf } from '../support/page.ts';
import { type Prometheus, startCollector, startPrometheus } from '../support/peers.ts';
import { closeServers, httpServer } from '../support/servers.ts';

/** Every role, and everything that one may be asked for. By job. */
const CONFIGS: Record<string, object> = {
  node: { role: 'node', selectors: [{ role: 'node', label: '!nothing' }] },
  pod: { role: 'pod' },
  'pod-with-all': {
    role: 'pod',
    attach_metadata: { node: true, namespace: true, deployment: true, job: true, cronjob: true },
  },
  'pod-of-node': { role: 'pod', selectors: [{ role: 'pod', field: 'spec.nodeName=node-2' }] },
  'pod-of-zone': {
    role: 'pod',
    selectors: [{ role: 'node', label: 'topology.kubernetes.io/zone=a' }],
    attach_metadata: { node: true },
  },
  'pod-of-namespace': {
    role: 'pod',
    namespaces: { names: ['shop'] },
    selectors: [{ role: 'pod', label: 'app in (web, x)' }],
  },
  service: { role: 'service', attach_metadata: { namespace: true } },
  endpoints: { role: 'endpoints' },
  'endpoints-with-all': {
    role: 'endpoints',
    namespaces: { names: ['shop', 'default'] },
    attach_metadata: { node: true, namespace: true, deployment: true },
  },
  endpointslice: { role: 'endpointslice' },
  'endpointslice-with-all': {
    role: 'endpointslice',
    attach_metadata: { node: true, namespace: true, deployment: true, job: true },
    selectors: [{ role: 'service', field: 'metadata.name=web' }],
  },
  ingress: { role: 'ingress', attach_metadata: { namespace: true } },
};

/** Scrapes, in vain, what is discovered, so that `up` carries all that was found out about each target. */
const everything = (kubeconfig: string, write: string, via: string) =>
  JSON.stringify({
    receivers: {
      prometheus: {
        config: {
          global: { scrape_interval: '1s', scrape_timeout: '500ms' },
          scrape_configs: Object.entries(CONFIGS).map(([job_name, config]) => ({
            job_name,
            kubernetes_sd_configs: [{ kubeconfig_file: kubeconfig, ...config }],
            relabel_configs: [
              { source_labels: ['__address__'], target_label: 'address' },
              { target_label: '__address__', replacement: '127.0.0.1:1' },
              { action: 'labelmap', regex: '__meta_kubernetes_(.+)' },
            ],
          })),
        },
      },
    },
    processors: { batch: { timeout: '200ms' } },
    exporters: { prometheusremotewrite: { endpoint: write, external_labels: { via } } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: {
        metrics: { receivers: ['prometheus'], processors: ['batch'], exporters: ['prometheusremotewrite'] },
      },
    },
  });

/** What tells the two apart, and how the Collector names its receiver. */
const PEERS_OWN = ['via', 'otel_scope_name', 'otel_scope_version'];

const targetsOf = async (prometheus: Prometheus, via: string, job: string, name = 'up'): Promise<string[]> =>
  (await prometheus.query(`last_over_time(${name}{via="${via}",job="${job}"}[1m])`))
    .map(({ labels }) => keyOf(labels, PEERS_OWN))
    .sort();

const MANIFESTS = ['daemonset.yaml', 'deployment.yaml'];

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  data?: Record<string, string>;
}

function manifest(file: string): Manifest[] {
  const text = readFileSync(join(PROJECT, 'deploy/kubernetes', file), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

const PLURALS: Record<string, string> = {
  Namespace: 'namespaces',
  ServiceAccount: 'serviceaccounts',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  ConfigMap: 'configmaps',
  NetworkPolicy: 'networkpolicies',
  DaemonSet: 'daemonsets',
  Deployment: 'deployments',
};

/** Creates what is not there yet, with no unknown or repeated field. */
async function apply(api: KubeApi, object: Manifest): Promise<void> {
  const { apiVersion, kind, metadata } = object;
  const group = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`;
  const scope = metadata.namespace ? `/namespaces/${metadata.namespace}` : '';
  await api.call('POST', `${group}${scope}/${PLURALS[kind]}?fieldValidation=Strict`, object).catch((error: Error) => {
    if (!/"reason":"AlreadyExists"/.test(error.message)) throw error;
  });
}

describe('a real Kubernetes API server', () => {
  let api: KubeApi;
  before(async () => {
    api = await startKubeApi();
    await populate(api);
  });
  afterEach(closeServers);
  after(stopChildren);

  it('gives dnscol the targets and labels that it gives the Collector, in every role', async () => {
    const prometheus = await startPrometheus();
    const kubeconfig = api.kubeconfig('admin');
    const agent = await startAgent(everything(kubeconfig, prometheus.write, 'dnscol'));
    const collector = await startCollector(everything(kubeconfig, prometheus.write, 'collector'));
    const counts: Record<string, number> = {};
    for (const job of Object.keys(CONFIGS)) {
      const both = () => Promise.all(['dnscol', 'collector'].map((via) => targetsOf(prometheus, via, job)));
      const same = async () => {
        const [ours, theirs] = await both();
        return theirs!.length > 0 && ours!.join('\n') === theirs!.join('\n');
      };
      await until(same, `the targets of ${job} are the same`).catch(() => {});
      const [ours, theirs] = await both();
      expect(ours, job).to.deep.equal(theirs);
      counts[job] = ours!.length;
    }
    // What the targets' resources say: instances are alike here but for the node role, so one line each has to do.
    const resources = (via: string) => targetsOf(prometheus, via, 'node', 'target_info');
    await until(async () => (await resources('dnscol')).length === 2, 'there are resources');
    expect(await resources('dnscol')).to.deep.equal(await resources('collector'));
    expect((await resources('dnscol'))[0]).to.include('k8s_node_name="node-1"');
    expect(counts).to.deep.equal({
      node: 2,
      pod: 8,
      'pod-with-all': 8,
      'pod-of-node': 2,
      'pod-of-zone': 6,
      'pod-of-namespace': 6,
      service: 6,
      endpoints: 11,
      'endpoints-with-all': 11,
      endpointslice: 9,
      'endpointslice-with-all': 9,
      ingress: 5,
    });
    for (const one of [agent, collector, prometheus]) await one.stop();
  });

  it('takes both manifests, strictly validated, and lets their pods into a namespace that enforces "restricted"', async () => {
    for (const file of MANIFESTS) {
      for (const object of manifest(file)) await apply(api, object);
      const { spec } = manifest(file).at(-1) as unknown as { spec: { template: { spec: object } } };
      const probe = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'probe' }, spec: spec.template.spec };
      await api.call('POST', '/api/v1/namespaces/dnscol/pods?dryRun=All', probe);
      // The namespace does refuse what is not restricted.
      const root = { ...probe, spec: { ...spec.template.spec, hostNetwork: true } };
      const refused = await api.call('POST', '/api/v1/namespaces/dnscol/pods?dryRun=All', root).catch(String);
      expect(refused).to.match(/violates PodSecurity/);
    }
  });

  it('loses no target when it restarts and etcd is compacted, nor when the token is replaced', async function () {
    // Three starts of the server, and pauses of up to half a minute after each failure.
    this.timeout(300_000);
    const hits: Record<string, number> = {};
    const page = await httpServer((request, response) => {
      hits[request.url!] = (hits[request.url!] ?? 0) + 1;
      response.writeHead(200, { 'content-type': 'text/plain' }).end('it_works 1\n');
    });
    const hit = async (path: string) => {
      const before = hits[path] ?? 0;
      await until(() => (hits[path] ?? 0) > before, `${path} is scraped`, 60_000);
    };
    const serve = (name: string, more: object = {}) =>
      create(
        api,
        '/api/v1/namespaces/default/pods',
        podObject(name, '127.0.0.1', more as Record<string, unknown>, {
          annotations: {
            'prometheus.io/scrape': 'true',
            'prometheus.io/port': `${page.port}`,
            'prometheus.io/path': `/${name}`,
          },
        }),
      );
    for (const file of MANIFESTS) for (const object of manifest(file)) await apply(api, object);
    await serve('first');
    await serve('not-here', { node: 'node-2' });
    const [health = 0] = await freePorts(1);
    const yaml = manifest('daemonset.yaml').find(({ kind }) => kind === 'ConfigMap')!.data!['agent.yaml']!;
    const pod = await startInCluster(api, yaml, {
      env: {
        NODE_NAME: 'node-1',
        HEALTH_LISTEN: `127.0.0.1:${health}`,
        REMOTE_WRITE_URL: 'http://127.0.0.1:1/api/v1/write',
      },
      args: ['--set', 'receivers.prometheus.config.global.scrape_interval=1s'],
    });
    await hit('/first');

    // A change is seen at once, by the watch.
    await serve('second');
    await hit('/second');
    await api.call('DELETE', '/api/v1/namespaces/default/pods/second?gracePeriodSeconds=0');

    // The cluster goes on where the watch sees nothing of it.
    for (const name of ['a', 'b', 'c']) {
      await create(api, '/api/v1/namespaces/default/configmaps', { metadata: { name } });
    }
    await api.kill();
    await pod.agent.says(/cannot ask the Kubernetes API; what was found before stays/);
    await hit('/first');
    await api.compact();
    await api.start();
    await serve('third');
    await hit('/third');
    await hit('/first');
    await pod.agent.says(/the Kubernetes API answers again/);

    // What the watch began from is gone: 410, and a new list.
    await pod.agent.says(/a new list is needed .*too old resource version/);

    // The account is made anew: the token of before is nobody's any more, and the mounted one changes a while later.
    await api.call('DELETE', '/api/v1/namespaces/dnscol/serviceaccounts/dnscol');
    await api.kill();
    await api.start();
    await pod.agent.says(/the API server answered 401/);
    await hit('/first');
    for (const object of manifest('daemonset.yaml')) await apply(api, object);
    await pod.rotate();
    await serve('fourth');
    await hit('/fourth');
    await hit('/first');
    expect(hits['/not-here']).to.equal(undefined);
    await pod.agent.stop();
    expect((await pod.agent.exit).code).to.equal(0);
  });
});
