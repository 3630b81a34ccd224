import { expect } from 'chai';
import { setEnvironment } from '#kit';
import { advanceUntil, rig, stopRigs } from '../../../receivers/prometheus/rig.ts';
import { makeAuthority } from '../../../support/certificates.ts';
import { discoverKubernetes, fakeKubernetes, pod, stopKubernetes } from '../../../support/kubernetes.ts';
import { type ApiRequest, FakeKubernetes, status } from '../../../support/kubernetes-api.ts';
import { random } from '../../../support/random.ts';
import { closeServers, until } from '../../../support/servers.ts';
import { makeTree, type Tree } from '../../../support/tree.ts';

describe('prometheus/discovery kubernetes', () => {
  let api: FakeKubernetes;
  let tree: Tree;
  beforeEach(async () => {
    tree = makeTree();
    api = await fakeKubernetes();
  });
  afterEach(async () => {
    await stopRigs();
    await stopKubernetes();
    await closeServers();
    setEnvironment({});
    tree.remove();
  });

  const discover = (config: object = {}) => discoverKubernetes({ role: 'pod', api_server: api.url, ...config });
  const service = (name: string, labels = {}) => ({
    metadata: { name, namespace: 'a', labels },
    spec: { ports: [{ name: 'p', port: 80, protocol: 'TCP' }] },
  });
  const node = (name: string, labels: Record<string, string> = {}) => ({ metadata: { name, labels } });
  const lists = (plural?: string) =>
    api.requests.filter(({ verb, plural: got }) => verb === 'list' && (plural === undefined || got === plural));
  const watches = () => api.requests.filter(({ verb }) => verb === 'watch');

  describe('in a cluster', () => {
    /** The API server as a pod finds it. */
    async function inCluster(files: Record<string, string> = {}) {
      await api.stop();
      const authority = makeAuthority();
      api = await new FakeKubernetes().start(authority.issue());
      api.token = 'secret';
      tree.write({ 'ca.crt': authority.cert, token: 'secret\n', namespace: 'mine', ...files });
      return { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) };
    }
    const own = (config: object = {}) => discoverKubernetes({ role: 'pod', ...config }, { serviceAccount: tree.path });

    it('finds the API server by the variables and files of its pod', async () => {
      setEnvironment(await inCluster());
      api.put('pods', pod('a', '10.0.0.1', { namespace: 'other' }));
      const found = await own();
      await found.until(() => found.targets().length === 1);
      expect(api.requests[0]!.namespace).to.equal('');
      expect(api.requests[0]!.message.headers['user-agent']).to.match(/^dnscol\//);
    });

    it('looks at its own namespace when asked to, and at others', async () => {
      setEnvironment(await inCluster());
      for (const namespace of ['mine', 'named', 'other']) api.put('pods', pod('a', '10.0.0.1', { namespace }));
      const found = await own({ namespaces: { own_namespace: true, names: ['named'] } });
      await found.until(() => found.targets().length === 2);
      expect(found.targets().map((labels) => labels.__meta_kubernetes_namespace)).to.have.members(['mine', 'named']);
      expect(lists().map(({ namespace }) => namespace)).to.have.members(['mine', 'named']);
    });

    it('says that there is no cluster, and begins when there is one', async () => {
      const found = await own();
      await found.until(() => found.host.logs.length === 1);
      expect(String(found.host.logs[0]!.fields.error)).to.match(/there is no cluster around: KUBERNETES_SERVICE_HOST/);
      setEnvironment(await inCluster());
      await found.until(() => found.updates.length === 1, 1000);
    });

    it('says that no token is mounted', async () => {
      setEnvironment(await inCluster({ token: '' }));
      const found = await own();
      await found.until(() => found.host.logs.length === 1);
      expect(String(found.host.logs[0]!.fields.error)).to.match(/the token file .*token is empty$/);
    });
  });

  it('refuses a kubeconfig file that wants a program to run', async () => {
    tree.write({
      config: `current-context: a
contexts: [{name: a, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: '${api.url}'}}]
users: [{name: u, user: {exec: {command: aws}}}]
`,
    });
    const found = await discoverKubernetes({ role: 'pod', kubeconfig_file: `${tree.path}/config` });
    await found.until(() => found.host.logs.length === 1);
    expect(String(found.host.logs[0]!.fields.error)).to.match(/from a program, which dnscol does not run/);
    expect(api.requests).to.have.length(0);
  });

  const asks = (config: object, want: string[]) =>
    it(`${JSON.stringify(config)} asks for ${want.join(', ')}`, async () => {
      const found = await discover(config);
      await found.until(() => found.updates.length === 1 && api.watchers.size === want.length);
      expect(lists().map(({ namespace, plural }) => (namespace ? `${namespace}/${plural}` : plural))).to.have.members(
        want,
      );
      expect(watches()).to.have.length(want.length);
    });
  const all = { node: true, namespace: true, deployment: true, job: true, cronjob: true };
  asks({ role: 'node', attach_metadata: all }, ['nodes']);
  asks({ role: 'service' }, ['services']);
  asks({ role: 'service', attach_metadata: all }, ['services', 'namespaces']);
  asks({ role: 'ingress' }, ['ingresses']);
  asks({ role: 'pod' }, ['pods']);
  asks({ role: 'pod', attach_metadata: { job: true } }, ['pods']);
  asks({ role: 'pod', attach_metadata: all }, ['pods', 'nodes', 'namespaces', 'replicasets', 'jobs']);
  asks({ role: 'endpoints' }, ['endpoints', 'services', 'pods']);
  asks({ role: 'endpointslice', namespaces: { names: ['a', 'b'] } }, [
    'a/endpointslices',
    'a/services',
    'a/pods',
    'b/endpointslices',
    'b/services',
    'b/pods',
  ]);

  it('passes selectors on, each to what it is for', async () => {
    const found = await discover({
      role: 'endpoints',
      selectors: [
        { role: 'pod', field: 'spec.nodeName=n' },
        { role: 'service', label: 'app=x' },
      ],
    });
    await found.until(() => api.watchers.size === 3);
    const asked = (plural: string) => {
      const of = api.requests.filter((request) => request.plural === plural);
      return of.map(({ query }) => [query.get('fieldSelector'), query.get('labelSelector')]);
    };
    expect(asked('pods')).to.deep.equal(Array(2).fill(['spec.nodeName=n', null]));
    expect(asked('services')).to.deep.equal(Array(2).fill([null, 'app=x']));
    expect(asked('endpoints')).to.deep.equal(Array(2).fill([null, null]));
  });

  it("takes the first list of a node's pods from the API server's memory, and no other", async () => {
    const found = await discover({ selectors: [{ role: 'pod', field: 'spec.nodeName=node-1' }] });
    await found.until(() => api.watchers.size === 1);
    api.put('pods', pod('a', '10.0.0.1'));
    api.compact();
    api.send({ type: 'ERROR', object: { code: 410 } });
    await found.until(() => lists().length === 2, 100);
    expect(lists().map(({ query }) => query.get('resourceVersion'))).to.deep.equal(['0', null]);
    await discover();
    await until(() => lists().length === 3);
    expect(lists()[2]!.query.get('resourceVersion')).to.equal(null);
  });

  it('asks only for what the relabelling rules of its job let pass', async () => {
    const node = { action: 'keep', source_labels: ['__meta_kubernetes_pod_node_name'], regex: 'node-1' };
    const { clock } = await rig([
      { job_name: 'a', kubernetes_sd_configs: [{ role: 'pod', api_server: api.url }], relabel_configs: [node] },
    ]);
    await advanceUntil(clock, 10, () => api.watchers.size === 1);
    const fields = api.requests.map(({ query }) => query.get('fieldSelector'));
    expect(fields).to.deep.equal(['spec.nodeName=node-1', 'spec.nodeName=node-1']);
  });

  it('asks once for what two discoveries want, until both have stopped', async () => {
    const first = await discover();
    await first.until(() => api.watchers.size === 1);
    const { host, pool } = first;
    const second = await discoverKubernetes(
      { role: 'pod', api_server: api.url, attach_metadata: { job: true } },
      { host, pool },
    );
    const third = await discoverKubernetes({ role: 'pod', api_server: api.url, bearer_token: 'x' }, { host, pool });
    await second.until(() => second.updates.length === 1 && third.updates.length === 1 && api.watchers.size === 2);
    expect(lists(), 'another token is another client').to.have.length(2);
    await first.discovery.stop();
    api.put('pods', pod('a', '10.0.0.1'));
    await second.until(() => second.targets().length === 1);
    await second.discovery.stop();
    await third.discovery.stop();
    await until(() => api.open === 0);
    expect(second.clock.pending).to.equal(0);
  });

  it('asks for a list in one piece when its pages were gone twice', async () => {
    for (let i = 0; i < 501; i++) api.put('pods', pod(`p${i}`, `10.0.${Math.floor(i / 256)}.${i % 256}`));
    api.intercept = ({ query }, response) => {
      if (!query.has('continue')) return false;
      status(response, 410, 'Expired', 'gone');
      return true;
    };
    const found = await discover();
    await found.until(() => found.targets().length === 501, 100);
    expect(lists().map(({ query }) => query.get('limit'))).to.deep.equal(['500', '500', '500', '500', null]);
  });

  it('lists anew once an hour, and goes on watching when that fails', async () => {
    const found = await discover();
    await found.until(() => api.watchers.size === 1);
    let failures = 0;
    api.intercept = ({ verb }, response) => {
      if (verb !== 'list') return false;
      failures++;
      status(response, 503, 'ServiceUnavailable', 'later');
      return true;
    };
    await found.until(() => failures === 1, 20_000);
    expect(found.clock.monotonic()).to.be.within(3_600_000, 4_300_000);
    await found.until(() => api.watchers.size === 1, 100);
    expect(found.discovery.stale?.()).to.equal(0);
    api.intercept = () => false;
    await found.until(() => lists().length === 3, 20_000);
    expect(found.clock.monotonic()).to.be.within(7_200_000, 8_600_000);
    expect(found.updates).to.have.length(1);
  });

  const isNoList = (title: string, body: string) =>
    it(`takes ${title} for no list, and keeps what it has`, async () => {
      api.put('pods', pod('a', '10.0.0.1'));
      const found = await discover();
      await found.until(() => api.watchers.size === 1 && found.targets().length === 1);
      api.intercept = ({ verb }, response) => {
        if (verb === 'list') response.end(body);
        else status(response, 410, 'Expired', 'gone');
        return true;
      };
      api.endWatches();
      await found.until(() => lists().length >= 3, 500);
      api.intercept = () => false;
      await found.until(() => api.watchers.size === 1, 500);
      expect(found.updates.map((targets) => targets.length)).to.deep.equal([1]);
      expect(JSON.stringify(found.host.logs.map(({ fields }) => String(fields.error)))).to.not.include('hunter2');
    });
  isNoList('an answer without items', '{"kind":"PodList","metadata":{"resourceVersion":"1"}}');
  isNoList('an answer without a version', '{"kind":"PodList","metadata":{},"items":[]}');
  isNoList('a Status', '{"kind":"Status","metadata":{"resourceVersion":"1"},"items":[]}');
  isNoList('what is no JSON', '{"kind": "hunter2');
  isNoList('a list of nothing', 'null');

  const listsAnew = (
    title: string,
    answer: (request: ApiRequest, response: Parameters<typeof status>[0]) => void,
    tries: number,
  ) =>
    it(`lists anew after ${title}`, async () => {
      const found = await discover();
      await found.until(() => api.watchers.size === 1);
      let refused = 0;
      let before: number | undefined;
      api.intercept = (request, response) => {
        if (request.verb === 'list') {
          before ??= refused;
          return false;
        }
        refused++;
        answer(request, response);
        return true;
      };
      api.endWatches();
      await found.until(() => before !== undefined, 200);
      expect(before).to.equal(tries);
    });
  listsAnew('a watch that is refused for good', (_request, response) => status(response, 400, 'BadRequest', 'no'), 1);
  listsAnew('five watches that fail', (_request, response) => status(response, 504, 'Timeout', 'too large'), 5);
  listsAnew('five watches with nothing but garbage', (_request, response) => response.end('{"type":"NEW"}\n'), 5);

  it('goes on where it was after 401 and 403, however often', async () => {
    const found = await discover();
    await found.until(() => api.watchers.size === 1);
    let refused = 0;
    api.intercept = (_request, response) => {
      status(response, refused++ % 2 ? 401 : 403, 'x', 'x');
      return true;
    };
    api.endWatches();
    await found.until(() => refused === 8, 500);
    api.intercept = () => false;
    await found.until(() => api.watchers.size === 1, 500);
    expect(lists()).to.have.length(1);
  });

  it('comes through 300 watches and lists of noise', async () => {
    const next = random(7);
    const pick = (below: number) => Math.floor(next() * below);
    const whole = JSON.stringify(pod('noise', '10.9.9.9', { labels: { app: 'x' }, annotations: { a: 'b' } }));
    const noisy = (text: string) => {
      const bytes = Buffer.from(text);
      for (let i = pick(4); i >= 0; i--)
        bytes[pick(bytes.length)] = pick(2) ? pick(256) : Buffer.from('{}[],:"0\n')[pick(9)]!;
      return bytes.subarray(0, pick(3) ? bytes.length : pick(bytes.length));
    };
    let noises = 0;
    api.intercept = ({ verb }, response) => {
      if (noises++ >= 300) return false;
      const text =
        verb === 'list'
          ? `{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[${whole}]}`
          : `{"type":"MODIFIED","object":${whole}}\n`;
      response.end(noisy(text));
      return true;
    };
    const found = await discover();
    await found.until(() => noises >= 300, 30_000);
    api.put('pods', pod('real', '10.0.0.1'));
    api.compact();
    await found.until(() => found.addresses().includes('10.0.0.1:9153'), 5000);
    for (const labels of found.updates.flat()) {
      expect(Object.values(labels).every((value) => typeof value === 'string')).to.equal(true);
    }
  });

  it('tells of many changes at once, and of none when nothing is different', async () => {
    const found = await discover();
    await found.until(() => found.updates.length === 1 && api.watchers.size === 1);
    const began = found.clock.monotonic();
    for (let i = 0; i < 50; i++) api.put('pods', pod(`p${i}`, `10.0.0.${i}`));
    await found.until(() => found.targets().length === 50);
    expect(found.updates.length).to.be.at.most(3);
    expect(found.clock.monotonic() - began).to.be.at.most(2100);
    const before = found.updates.length;
    // Gone before anybody was told of it.
    api.put('pods', pod('short', '10.0.1.1'));
    api.remove('pods', 'kube-system/short');
    api.bookmark();
    await found.until(() => found.clock.monotonic() - began > 10_000, 500);
    expect(found.updates.length - before).to.be.at.most(2);
    expect(found.targets()).to.have.length(50);
  });

  it('makes endpoints anew when their service, pod, node or namespace changes', async () => {
    api.put('namespaces', { metadata: { name: 'a', labels: { v: '1' } } });
    api.put('nodes', node('n', { v: '1' }));
    api.put('pods', pod('p', '10.0.0.1', { namespace: 'a', labels: { v: '1' } }, { node: 'n' }));
    api.put('services', service('s', { v: '1' }));
    api.put('endpoints', {
      metadata: { name: 's', namespace: 'a' },
      subsets: [
        {
          addresses: [{ ip: '10.0.0.1', nodeName: 'n', targetRef: { kind: 'Pod', name: 'p', namespace: 'a' } }],
          ports: [{ name: 'metrics', port: 9153, protocol: 'TCP' }],
        },
      ],
    });
    api.put('endpoints', { metadata: { name: 'other', namespace: 'a' }, subsets: [] });
    const found = await discover({ role: 'endpoints', attach_metadata: { node: true, namespace: true } });
    const versions = () =>
      ['service', 'pod', 'node', 'namespace'].map(
        (role) => found.targets().map((labels) => labels[`__meta_kubernetes_${role}_label_v`])[0],
      );
    await found.until(() => api.watchers.size === 5 && found.targets().length === 1);
    expect(versions()).to.deep.equal(['1', '1', '1', '1']);
    api.put('services', service('s', { v: '2' }));
    await found.until(() => versions()[0] === '2');
    api.put('pods', pod('p', '10.0.0.1', { namespace: 'a', labels: { v: '2' } }, { node: 'n' }));
    await found.until(() => versions()[1] === '2');
    api.put('nodes', node('n', { v: '2' }));
    await found.until(() => versions()[2] === '2');
    api.put('namespaces', { metadata: { name: 'a', labels: { v: '2' } } });
    await found.until(() => versions()[3] === '2');
    api.remove('services', 'a/s');
    await found.until(() => versions()[0] === undefined);
    // What was not there when it was looked for counts too.
    api.put('services', service('s', { v: '3' }));
    await found.until(() => versions()[0] === '3');
    // What nobody's labels come from changes nothing.
    const before = found.updates.length;
    api.put('services', service('unused', { v: '1' }));
    api.put('nodes', node('unused'));
    api.put('endpoints', { metadata: { name: 'third', namespace: 'a' }, subsets: [] });
    await found.until(() => found.updates.length > before);
    expect(found.updates).to.have.length(before + 1);
  });

  it('has no target until everything that the role needs is listed', async () => {
    api.put('services', service('s'));
    let let_in = false;
    api.intercept = ({ plural }, response) => {
      if (plural !== 'namespaces' || let_in) return false;
      status(response, 403, 'Forbidden', 'no');
      return true;
    };
    const found = await discover({ role: 'service', attach_metadata: { namespace: true } });
    await found.until(() => found.clock.monotonic() > 20_000 && api.watchers.size === 1, 500);
    expect(found.updates).to.deep.equal([]);
    expect(found.discovery.stale?.()).to.be.greaterThan(15_000);
    let_in = true;
    await found.until(() => found.targets().length === 1, 500);
  });

  it('leaves nothing open and nothing on the clock when it is stopped, whatever it is doing', async () => {
    for (const stage of ['list', 'watch', 'pause'] as const) {
      const before = api.requests.length;
      api.intercept = ({ verb }, response) => {
        if (stage === 'pause') status(response, 500, 'x', 'x');
        return stage === 'pause' || (stage === 'list' && verb === 'list');
      };
      const found = await discover();
      await found.until(() => api.requests.length > before && (stage !== 'watch' || api.watchers.size === 1));
      await found.discovery.stop();
      await until(() => api.open === 0);
      expect(found.clock.pending, stage).to.equal(0);
      expect(found.host.logs.filter(({ level }) => level === 'error').length, stage).to.be.at.most(1);
    }
  });
});
