/** A small cluster's objects, of every shape that discovery makes labels of. */
import type { KubeApi } from './kube-apiserver.ts';

const core = (namespace: string, plural: string) => `/api/v1/namespaces/${namespace}/${plural}`;

interface Named {
  metadata: { name: string; [more: string]: unknown };
  status?: unknown;
  [more: string]: unknown;
}

/** Creates an object, and its status after that: the API takes no status at first. */
export async function create(api: KubeApi, path: string, object: Named): Promise<void> {
  const { status, ...rest } = object;
  await api.call('POST', path, rest);
  if (status) await api.call('PATCH', `${path}/${object.metadata.name}/status`, { status });
}

export function podObject(name: string, ip: string, more: Record<string, unknown> = {}, meta: object = {}): Named {
  const { containers, initContainers, node = 'node-1', status = {} } = more;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, ...meta },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: containers ?? [
        { name: 'main', image: 'image:1', ports: [{ name: 'metrics', containerPort: 9153, protocol: 'TCP' }] },
      ],
      ...(initContainers ? { initContainers } : {}),
    },
    status: {
      phase: 'Running',
      hostIP: '192.0.2.1',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True' }],
      ...(status as object),
    },
  };
}

/** Two nodes, and in the namespace `shop` pods, services, endpoints, slices, ingresses and owners of pods. */
export async function populate(api: KubeApi): Promise<void> {
  await create(api, '/api/v1/nodes', {
    metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'a' }, annotations: { 'x/y-z': 'über' } },
    spec: { providerID: 'aws:///a/i-1' },
    status: {
      addresses: [
        { type: 'InternalIP', address: '192.0.2.1' },
        { type: 'InternalIP', address: '2001:db8::1' },
        { type: 'Hostname', address: 'node-1.example' },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'MemoryPressure', status: 'False' },
      ],
    },
  });
  await create(api, '/api/v1/nodes', {
    metadata: { name: 'node-2' },
    status: { addresses: [{ type: 'ExternalIP', address: '2001:db8::2' }] },
  });
  await create(api, '/api/v1/nodes', { metadata: { name: 'node-without-address' } });
  await create(api, '/api/v1/namespaces', {
    metadata: { name: 'shop', labels: { team: 'dns' }, annotations: { 'a.b/c': 'd' } },
  });
  await workloads(api);
  await pods(api);
  await services(api);
  await endpoints(api);
  await ingresses(api);
}

const owner = (apiVersion: string, kind: string, name: string) => ({
  ownerReferences: [{ apiVersion, kind, name, uid: 'some-uid', controller: true }],
});

async function workloads(api: KubeApi): Promise<void> {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'main', image: 'image:1' }] },
  };
  await create(api, '/apis/apps/v1/namespaces/shop/replicasets', {
    metadata: { name: 'web-1', ...owner('apps/v1', 'Deployment', 'web') },
    spec: { replicas: 0, selector: { matchLabels: { app: 'web' } }, template },
  });
  await create(api, '/apis/batch/v1/namespaces/shop/jobs', {
    metadata: { name: 'night-1', ...owner('batch/v1', 'CronJob', 'night') },
    spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } },
  });
}

async function pods(api: KubeApi): Promise<void> {
  const path = core('shop', 'pods');
  await create(
    api,
    path,
    podObject(
      'web-1-a',
      '10.244.0.1',
      {
        containers: [
          {
            name: 'web',
            image: 'web:1',
            ports: [
              { name: 'http', containerPort: 8080 },
              { name: 'metrics', containerPort: 9090, protocol: 'UDP' },
            ],
          },
          { name: 'portless', image: 'side:2' },
        ],
        initContainers: [
          { name: 'setup', image: 'init:3', ports: [{ name: 'setup', containerPort: 7070 }] },
          { name: 'quick', image: 'init:4' },
        ],
        status: {
          containerStatuses: [
            {
              name: 'web',
              containerID: 'containerd://abc',
              image: 'web:1',
              imageID: 'i',
              ready: true,
              restartCount: 0,
            },
          ],
        },
      },
      {
        labels: { app: 'web', 'app.kubernetes.io/name': 'web', empty: '' },
        annotations: {
          'prometheus.io/scrape': 'true',
          'prometheus.io/port': '8080',
          constructor: '2',
        },
        ...owner('apps/v1', 'ReplicaSet', 'web-1'),
      },
    ),
  );
  await create(
    api,
    path,
    podObject('web-1-b', '2001:db8::b', { node: 'node-2', status: { conditions: [] } }, { labels: { app: 'web' } }),
  );
  await create(api, path, podObject('night-1-x', '10.244.0.3', {}, owner('batch/v1', 'Job', 'night-1')));
  await create(api, path, podObject('starting', '10.244.0.4', { status: { phase: 'Pending', podIP: '', podIPs: [] } }));
  await create(api, '/api/v1/namespaces/default/pods', podObject('elsewhere', '10.244.0.5', { node: 'node-2' }));
}

async function services(api: KubeApi): Promise<void> {
  const path = core('shop', 'services');
  const port = [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }];
  const meta = (name: string) => ({ name, labels: { svc: name }, annotations: { 'prometheus.io/scrape': 'true' } });
  await create(api, path, {
    metadata: meta('web'),
    spec: { selector: { app: 'web' }, ports: [...port, { name: 'dns', port: 53, protocol: 'UDP' }] },
  });
  await create(api, path, {
    metadata: meta('balanced'),
    spec: { type: 'LoadBalancer', loadBalancerIP: '192.0.2.9', ports: port },
  });
  await create(api, path, {
    metadata: meta('outside'),
    spec: { type: 'ExternalName', externalName: 'x.example', ports: port },
  });
  await create(api, path, { metadata: meta('headless'), spec: { clusterIP: 'None', ports: port } });
}

async function endpoints(api: KubeApi): Promise<void> {
  const ref = (name: string, kind = 'Pod', namespace: string | undefined = 'shop') => ({ kind, name, namespace });
  await create(api, core('shop', 'endpoints'), {
    metadata: { name: 'web', labels: { l: '1' }, annotations: { a: '2' } },
    subsets: [
      {
        ports: [
          { name: 'http', port: 8080, protocol: 'TCP' },
          { name: 'other', port: 1234, protocol: 'TCP' },
        ],
        addresses: [
          { ip: '10.244.0.1', nodeName: 'node-1', hostname: 'web-a', targetRef: ref('web-1-a') },
          { ip: '203.0.113.7' },
          { ip: '203.0.113.8', targetRef: ref('node-2', 'Node', undefined) },
        ],
        notReadyAddresses: [{ ip: '2001:db8::b', nodeName: 'node-2', targetRef: ref('web-1-b') }],
      },
    ],
  });
  const slices = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices';
  await create(api, slices, {
    metadata: { name: 'web-4', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    ports: [
      { name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'http' },
      { name: 'spare', port: 1, protocol: 'UDP' },
    ],
    endpoints: [
      {
        addresses: ['10.244.0.1'],
        conditions: { ready: true, serving: true, terminating: false },
        hostname: 'web-a',
        nodeName: 'node-1',
        zone: 'a',
        targetRef: ref('web-1-a'),
      },
      { addresses: ['203.0.113.8'], conditions: { ready: false }, targetRef: ref('node-2', 'Node', undefined) },
    ],
  });
  await create(api, slices, {
    metadata: { name: 'web-6', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv6',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: ['2001:db8::b'], nodeName: 'node-2', targetRef: ref('web-1-b') }],
  });
  await create(api, slices, {
    metadata: { name: 'ownerless' },
    addressType: 'FQDN',
    ports: [{ name: 'x', port: 5, protocol: 'TCP' }],
    endpoints: [{ addresses: ['a.example'] }],
  });
}

async function ingresses(api: KubeApi): Promise<void> {
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const path = (text: string) => ({ path: text, pathType: 'Prefix', backend });
  await create(api, '/apis/networking.k8s.io/v1/namespaces/shop/ingresses', {
    metadata: { name: 'front', labels: { i: '1' } },
    spec: {
      ingressClassName: 'nginx',
      tls: [{ hosts: ['*.example.org', 'plain.example'], secretName: 's' }],
      rules: [
        { host: 'a.example.org', http: { paths: [path('/'), path('/api')] } },
        { host: 'a.b.example.org', http: { paths: [path('/x')] } },
        { host: 'plain.example' },
        { http: { paths: [path('/any')] } },
      ],
    },
  });
}
