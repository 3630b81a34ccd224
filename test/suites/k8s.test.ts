/** What a Kubernetes API server may do to its clients (../shared/suites/k8s), from a fake one on loopback. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { rig, stopRigs, target } from '../receivers/prometheus/rig.ts';
import { makeAuthority } from '../support/certificates.ts';
import { discoverKubernetes, fakeKubernetes, pod, stopKubernetes } from '../support/kubernetes.ts';
import { type ApiRequest, FakeKubernetes, status } from '../support/kubernetes-api.ts';
import { closeServers, httpServer, until } from '../support/servers.ts';
import { suite } from '../support/suites.ts';

const k8s = suite('k8s');

interface Scenario {
  id: string;
  name: string;
  http?: { path: string; json?: object; lines?: object[] }[];
  lines?: object[];
  raw?: string;
  json_fragment?: { annotations: Record<string, string> };
}
const scenarios = new Map(k8s.json<Scenario[]>('api-scenarios.json').map((one) => [one.id, one]));
const held = new Set<string>();

/** A test that holds what a scenario says. */
function holds(id: string, test: (scenario: Scenario) => Promise<void>): void {
  const scenario = scenarios.get(id)!;
  held.add(id);
  k8s.holds(`${id} ${scenario.name}`, () => test(scenario));
}

const watches = (requests: ApiRequest[]) => requests.filter(({ verb }) => verb === 'watch');
const lists = (requests: ApiRequest[]) => requests.filter(({ verb }) => verb === 'list');
const from = ({ query }: ApiRequest) => query.get('resourceVersion');

describe('suite k8s', () => {
  let api: FakeKubernetes;
  let folder: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-k8s-'));
    api = await fakeKubernetes();
  });
  afterEach(async () => {
    await stopRigs();
    await stopKubernetes();
    await closeServers();
    rmSync(folder, { recursive: true });
  });

  const discover = (config: object = {}) => discoverKubernetes({ role: 'pod', api_server: api.url, ...config });
  /** Three pods, found and watched. */
  async function watched(config: object = {}) {
    for (const n of [1, 2, 3]) api.put('pods', pod(`coredns-${n}`, `10.244.0.${n}`));
    const found = await discover(config);
    await found.until(() => found.targets().length === 3 && api.watchers.size === 1);
    return found;
  }
  const ALL = ['10.244.0.1:9153', '10.244.0.2:9153', '10.244.0.3:9153'];

  /** Answers the first list and the first watch as K01 says; later watches stay open. */
  function play({ http: [list, watch] = [] }: Scenario, pieces?: number) {
    if (pieces) api.pieces = pieces;
    let played = false;
    api.intercept = (request, response) => {
      if (request.verb === 'list') {
        response.end(JSON.stringify(list!.json));
        return true;
      }
      if (played) return false;
      played = true;
      const bytes = Buffer.from(watch!.lines!.map((line) => `${JSON.stringify(line)}\n`).join(''));
      response.writeHead(200);
      for (let at = 0; at < bytes.length; at += api.pieces) response.write(bytes.subarray(at, at + api.pieces));
      return true;
    };
  }

  holds('K01', async (scenario) => {
    play(scenario);
    const found = await discover();
    await found.until(() => found.addresses().includes(ALL[2]!));
    expect(found.addresses()).to.have.members([ALL[0], ALL[2]]);
    expect(watches(api.requests).map(from)).to.deep.equal(['200']);
    expect(watches(api.requests)[0]!.query.get('allowWatchBookmarks')).to.equal('true');
  });

  holds('K02', async () => {
    const scenario = structuredClone(scenarios.get('K01')!);
    const [added] = scenario.http![1]!.lines! as { object: { metadata: { labels: Record<string, string> } } }[];
    added!.object.metadata.labels['k8s-app'] = 'größe-🐙';
    play(scenario, 1);
    const found = await discover();
    await found.until(() => found.addresses().includes(ALL[2]!));
    expect(found.addresses()).to.have.members([ALL[0], ALL[2]]);
    const third = found.targets().find((labels) => labels.__address__ === ALL[2]);
    expect(third!.__meta_kubernetes_pod_label_k8s_app).to.equal('größe-🐙');
  });

  holds('K03', async ({ lines }) => {
    const found = await watched();
    const began = found.clock.monotonic();
    api.put('pods', pod('coredns-4', '10.244.0.4'));
    // The watch missed nothing, but the server says so.
    api.compact();
    for (const line of lines!) api.send(line);
    await found.until(() => lists(api.requests).length === 2);
    expect(found.clock.monotonic() - began).to.be.at.most(5000);
    await found.until(() => api.watchers.size === 1 && found.targets().length === 4);
    expect(found.updates.map((one) => one.length)).to.deep.equal([3, 4]);
    expect(lists(api.requests)[1]!.query.get('resourceVersion')).to.equal(null);
  });

  holds('K04', async () => {
    const found = await watched();
    let refused = 0;
    api.intercept = ({ verb }, response) => {
      if (verb !== 'watch' || refused > 0) return false;
      refused++;
      status(response, 410, 'Expired', 'too old resource version');
      return true;
    };
    const began = found.clock.monotonic();
    api.endWatches();
    await found.until(() => lists(api.requests).length === 2 && api.watchers.size === 1);
    // One pause before the watch, one before the list.
    expect(found.clock.monotonic() - began).to.be.at.most(5000);
    expect(refused).to.equal(1);
    expect(found.updates).to.have.length(1);
  });

  holds('K05', async ({ lines }) => {
    const found = await watched();
    for (const line of lines!) api.send(line);
    api.endWatches();
    await found.until(() => watches(api.requests).length === 2);
    expect(watches(api.requests).map(from)).to.deep.equal([String(api.version), '500']);
  });

  holds('K06', async () => {
    const found = await watched();
    const times: number[] = [];
    api.intercept = ({ verb }, response) => {
      times.push(found.clock.monotonic());
      if (verb !== 'watch') return false;
      response.writeHead(200).flushHeaders();
      found.clock.after(100, () => response.end());
      return true;
    };
    const began = found.clock.monotonic();
    api.endWatches();
    await found.until(() => found.clock.monotonic() - began >= 30_000, 20);
    expect(times.length).to.be.within(2, 300);
    const late = times.filter((time) => time - began > 10_000);
    expect(late.length).to.be.within(1, 20);
    expect(found.addresses()).to.have.members(ALL);
  });

  holds('K07', async () => {
    const address = await target('up_and_well 1\n');
    const one = (labels: Record<string, string> = {}) => pod('a', '10.244.0.1', { labels });
    api.put('pods', one());
    const { clock, host, scrape, out } = await rig(
      [
        {
          job_name: 'pods',
          scrape_interval: '1m',
          scrape_timeout: '1m',
          kubernetes_sd_configs: [{ role: 'pod', api_server: api.url }],
          relabel_configs: [{ target_label: '__address__', replacement: address.address }],
        },
      ],
      {},
    );
    const gauge = (name: string) => host.metric(name, { scrape_job: 'pods' });
    await advance(clock, 100, () => gauge('prometheus_target_scrape_pool_targets') === 1 && api.watchers.size === 1);
    expect(gauge('dnscol_prometheus_discovery_stale_seconds')).to.equal(0);
    await api.stop();
    const attempts: number[] = [];
    const failures = () => host.metric('prometheus_sd_kubernetes_failures_total') ?? 0;
    const began = clock.monotonic();
    let seen = failures();
    await advance(clock, 1000, () => {
      if (failures() > seen) attempts.push(clock.monotonic());
      seen = failures();
      return clock.monotonic() - began >= 600_000;
    });
    const gaps = attempts.slice(1).map((time, i) => time - attempts[i]!);
    expect(Math.max(...gaps)).to.be.at.most(31_000);
    expect(new Set(gaps).size, 'jitter').to.be.greaterThan(3);
    expect(gauge('dnscol_prometheus_discovery_stale_seconds')).to.be.within(590, 660);
    expect(gauge('prometheus_target_scrape_pool_targets')).to.equal(1);
    expect(address.requests.length, 'scrapes go on').to.be.at.least(8);
    const said = host.logs.filter(({ message }) => /cannot ask the Kubernetes API/.test(message));
    expect(said.length).to.be.within(1, 11);
    await api.start();
    await advance(clock, 1000, () => api.watchers.size === 1);
    expect(gauge('dnscol_prometheus_discovery_stale_seconds')).to.equal(0);
    expect(out.batches.length).to.be.greaterThan(0);
    expect(typeof scrape).to.equal('function');
  });

  holds('K08', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, 'one\n');
    api.token = 'one';
    const found = await watched({ authorization: { credentials_file: file } });
    api.token = 'two';
    api.endWatches();
    await found.until(() => (found.host.metric('prometheus_sd_kubernetes_failures_total') ?? 0) >= 8, 1000);
    writeFileSync(join(folder, 'next'), 'two\n');
    renameSync(join(folder, 'next'), file);
    const changed = found.clock.monotonic();
    await found.until(() => api.watchers.size === 1, 100);
    expect(found.clock.monotonic() - changed).to.be.at.most(60_000);
    expect(found.updates).to.have.length(1);
  });

  holds('K09', async () => {
    let requests = 0;
    api.intercept = (_request, response) => {
      requests++;
      status(response, 403, 'Forbidden', 'pods is forbidden: User "x" cannot list resource "pods"');
      return true;
    };
    const found = await discover();
    await found.until(() => found.clock.monotonic() >= 300_000, 500);
    expect(requests).to.be.at.least(10);
    expect(found.host.metric('prometheus_sd_kubernetes_failures_total')).to.be.within(requests - 1, requests);
    expect(found.host.logs.length).to.be.within(4, 6);
    expect(String(found.host.logs[0]!.fields.error)).to.include('pods is forbidden');
  });

  holds('K10', async () => {
    const times: number[] = [];
    const found = await watched();
    api.intercept = (_request, response) => {
      times.push(found.clock.monotonic());
      if (times.length > 1) return false;
      status(response, 429, 'TooManyRequests', 'slow down', { 'retry-after': '5' });
      return true;
    };
    api.endWatches();
    await found.until(() => times.length === 2, 10);
    expect(times[1]! - times[0]!).to.be.within(5000, 10_000);
  });

  holds('K11', async () => {
    let sent = 0;
    api.intercept = (_request, response) => {
      response.writeHead(500, { 'content-type': 'text/html' });
      const piece = Buffer.alloc(16 * 1024, '<p>');
      const more = () => {
        while (sent < 50 * 1024 * 1024) {
          sent += piece.length;
          if (!response.write(piece)) return;
        }
        response.end();
      };
      response.on('drain', more);
      more();
      return true;
    };
    const found = await discover();
    await found.until(() => found.host.metric('prometheus_sd_kubernetes_failures_total') === 1);
    await until(() => api.open === 0);
    // What is read is cut at 64 KiB; what the kernel took besides is its own.
    expect(sent).to.be.below(16 * 1024 * 1024);
    expect(String(found.host.logs[0]!.fields.error)).to.include('answered 500');
  });

  holds('K12', async () => {
    for (let i = 0; i < 5000; i++) {
      const ip = `10.${244 + Math.floor(i / 65_536)}.${Math.floor(i / 256) % 256}.${i % 256}`;
      const annotations = { 'prometheus.io/scrape': 'true', note: 'x'.repeat(1000) };
      api.put('pods', pod(`pod-${i}`, ip, { labels: { app: 'a', 'pod-template-hash': `${i}` }, annotations }));
    }
    const { clock, host } = await rig([
      {
        job_name: 'pods',
        kubernetes_sd_configs: [{ role: 'pod', api_server: api.url }],
        relabel_configs: [
          { action: 'keep', source_labels: ['__meta_kubernetes_pod_annotation_prometheus_io_scrape'], regex: 'true' },
          { action: 'labelmap', regex: '__meta_kubernetes_pod_label_(.+)' },
          { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
        ],
      },
    ]);
    const gauge = () => host.metric('prometheus_target_scrape_pool_targets', { scrape_job: 'pods' });
    const longest = longestTurn();
    await advance(clock, 100, () => gauge() === 5000);
    expect(longest(), 'milliseconds of work without a turn for others').to.be.at.most(100);
    expect(lists(api.requests).map(({ query }) => query.get('limit'))).to.deep.equal(Array(10).fill('500'));
    expect(lists(api.requests).filter(({ query }) => query.has('continue'))).to.have.length(9);
    // What discovery itself keeps, without the loops that scrape.
    const before = heapUsed();
    const found = await discover();
    await found.until(() => found.discovery.stale?.() === 0 && found.updates.length > 0, 100);
    found.updates.length = 0;
    expect((heapUsed() - before) / 1024 / 1024, 'MiB').to.be.at.most(50);
  });

  holds('K13', async () => {
    for (let i = 0; i < 1200; i++) api.put('pods', pod(`pod-${i}`, `10.244.${Math.floor(i / 256)}.${i % 256}`));
    let expired = 0;
    api.intercept = ({ query }, response) => {
      if (query.get('continue') !== '1000' || expired > 0) return false;
      expired++;
      status(response, 410, 'Expired', 'The provided continue parameter is too old');
      return true;
    };
    const found = await discover();
    await found.until(() => found.targets().length === 1200, 100);
    expect(lists(api.requests).map(({ query }) => query.get('continue'))).to.deep.equal([
      null,
      '500',
      '1000',
      null,
      '500',
      '1000',
    ]);
  });

  holds('K14', async ({ raw }) => {
    const found = await watched();
    const before = api.version;
    api.send(raw!);
    await found.until(() => watches(api.requests).length === 2 && api.watchers.size === 1, 100);
    expect(from(watches(api.requests)[1]!)).to.equal(String(before));
    api.put('pods', pod('coredns-4', '10.244.0.4'));
    await found.until(() => found.targets().length === 4);
  });

  holds('K15', async () => {
    api.put('pods', { metadata: { namespace: 'a' } });
    api.put('pods', pod('pending', null));
    api.put('pods', pod('fine', '10.244.0.1'));
    api.intercept = ({ verb }, response) => {
      if (verb !== 'list') return false;
      const items = [{}, { metadata: null }, null, 7, pod('pending', null), pod('fine', '10.244.0.1')];
      response.end(JSON.stringify({ kind: 'PodList', metadata: { resourceVersion: '500' }, items }));
      return true;
    };
    const found = await discover();
    await found.until(() => found.updates.length > 0 && api.watchers.size === 1);
    api.send({ type: 'ADDED', object: { spec: {} } });
    api.send({ type: 'MODIFIED', object: null });
    api.put('pods', pod('later', '10.244.0.2'));
    await found.until(() => found.targets().length === 2);
    expect(found.addresses()).to.have.members(['10.244.0.1:9153', '10.244.0.2:9153']);
  });

  holds('K16', async ({ json_fragment }) => {
    // The server that stands for the pod's address, and one that nobody must come to.
    const hosts: string[] = [];
    const paths: string[] = [];
    const own = await httpServer((request, response) => {
      hosts.push(request.headers.host!);
      paths.push(request.url!);
      response.writeHead(200, { 'content-type': 'text/plain' }).end('x 1\n');
    });
    const annotations = JSON.parse(JSON.stringify(json_fragment!.annotations).replace('"__proto__2"', '"__proto__"'));
    Object.defineProperty(annotations, '__proto__', { value: 'y', enumerable: true });
    api.put('pods', pod('evil', '127.0.0.1', { annotations }, { port: own.port }));
    const { clock, host, out } = await rig([
      {
        job_name: 'pods',
        kubernetes_sd_configs: [{ role: 'pod', api_server: api.url }],
        relabel_configs: [
          {
            source_labels: ['__meta_kubernetes_pod_annotation_prometheus_io_scheme'],
            regex: '(https?)',
            target_label: '__scheme__',
          },
          {
            source_labels: ['__meta_kubernetes_pod_annotation_prometheus_io_path'],
            regex: '(.+)',
            target_label: '__metrics_path__',
          },
          {
            source_labels: ['__address__', '__meta_kubernetes_pod_annotation_prometheus_io_port'],
            regex: '([^:]+)(?::\\d+)?;(\\d+)',
            replacement: '$1:$2',
            target_label: '__address__',
          },
          { action: 'labelmap', regex: '__meta_kubernetes_pod_label_(.+)' },
        ],
      },
    ]);
    const gauge = () => host.metric('prometheus_target_scrape_pool_targets', { scrape_job: 'pods' });
    await advance(clock, 100, () => gauge() === 1);
    await advance(clock, 60_000, () => out.batches.length > 0);
    expect(new Set(hosts)).to.deep.equal(new Set([`127.0.0.1:${own.port}`]));
    expect(new Set(paths)).to.deep.equal(new Set(['//evil/metrics']));
    expect(({} as Record<string, unknown>).y).to.equal(undefined);
    expect(({} as Record<string, unknown>).constructor).to.equal(Object);
    const found = await discover();
    await found.until(() => found.targets().length === 1);
    const [labels] = found.targets();
    expect(labels!.__address__).to.equal(`127.0.0.1:${own.port}`);
    expect(labels!.__meta_kubernetes_pod_annotation_constructor).to.equal('x');
    expect(labels!.__meta_kubernetes_pod_annotation___proto__).to.equal('y');
    expect(labels!.__meta_kubernetes_pod_annotation___address__).to.equal('169.254.169.254:80');
  });

  holds('K17', async () => {
    api.put('pods', pod('a', '10.244.0.1'));
    api.put('pods', pod('b', '10.244.0.1'));
    const { clock, host } = await rig([
      { job_name: 'pods', kubernetes_sd_configs: [{ role: 'pod', api_server: api.url }] },
    ]);
    const gauge = () => host.metric('prometheus_target_scrape_pool_targets', { scrape_job: 'pods' });
    await advance(clock, 100, () => gauge() === 1 && api.watchers.size === 1);
    expect(gauge()).to.equal(1);
  });

  holds('K18', async () => {
    const page = await target('x 1\n');
    api.put('pods', pod('steady', '10.244.0.1'));
    const { clock, host, out, stop } = await rig([
      {
        job_name: 'pods',
        scrape_interval: '1s',
        scrape_timeout: '1s',
        kubernetes_sd_configs: [{ role: 'pod', api_server: api.url }],
        relabel_configs: [
          { source_labels: ['__address__'], target_label: 'instance' },
          { target_label: '__address__', replacement: page.address },
        ],
      },
    ]);
    const gauge = () => host.metric('prometheus_target_scrape_pool_targets', { scrape_job: 'pods' });
    await advance(clock, 100, () => gauge() === 1 && api.watchers.size === 1);
    const pending = clock.pending;
    const deleted = () => host.metric('prometheus_sd_kubernetes_events_total', { role: 'pod', event: 'delete' }) ?? 0;
    let seen = 0;
    const flap = async (times: number) => {
      const before = deleted();
      let there = false;
      let gone = 0;
      for (let i = 0; i < times; i++) {
        // Not in step with anything.
        if (i % 7 !== 0) {
          if (there) {
            api.remove('pods', 'kube-system/flapping');
            gone++;
          } else api.put('pods', pod('flapping', `10.244.1.${i % 250}`));
          there = !there;
        }
        await clock.advance(10);
        if (gauge() === 2) seen++;
        // What the test itself keeps.
        for (const kept of [out.batches, page.requests, host.logs]) kept.length = 0;
        if (i % 100 === 0) api.compact();
      }
      if (there) api.remove('pods', 'kube-system/flapping');
      await advance(clock, 100, () => deleted() === before + gone + Number(there) && gauge() === 1);
      // Loops of targets that are gone end a while later.
      await advance(clock, 1000, () => clock.pending <= pending);
      api.compact();
    };
    await flap(1000);
    const before = heapUsed();
    await flap(6000);
    expect(heapUsed() - before).to.be.below(5 * 1024 * 1024);
    expect(seen, 'the flapping pod was a target at times').to.be.greaterThan(100);
    expect(api.open, 'one connection, for the watch').to.equal(1);
    expect(page.open).to.be.at.most(3);
    await stop();
    expect(clock.pending, 'nothing is left on the clock').to.equal(0);
  });

  holds('K19', async () => {
    await api.stop();
    const [old, next] = [makeAuthority('old'), makeAuthority('next')];
    const ca = join(folder, 'ca.crt');
    writeFileSync(ca, old.cert);
    api = await new FakeKubernetes().start(old.issue());
    const found = await watched({ tls_config: { ca_file: ca } });
    await api.stop();
    await api.start(next.issue());
    await found.until(() => (found.host.metric('prometheus_sd_kubernetes_failures_total') ?? 0) >= 4, 500);
    expect(api.watchers.size).to.equal(0);
    writeFileSync(join(folder, 'new.crt'), next.cert);
    renameSync(join(folder, 'new.crt'), ca);
    await found.until(() => api.watchers.size === 1, 500);
    expect(found.updates).to.have.length(1);
  });

  holds('K20', async () => {
    const page = await target('x 1\n');
    let closed = 0;
    api.intercept = ({ verb }, response) => {
      if (verb !== 'list') return false;
      response.writeHead(200);
      response.write('{"kind":"PodList",');
      response.on('close', () => closed++);
      return true;
    };
    const { clock, host } = await rig([
      {
        job_name: 'both',
        scrape_interval: '10s',
        scrape_timeout: '10s',
        static_configs: [{ targets: [page.address] }],
        kubernetes_sd_configs: [{ role: 'pod', api_server: api.url }],
      },
    ]);
    await until(() => api.requests.length === 1);
    const began = clock.monotonic();
    await advance(clock, 1000, () => closed === 1);
    expect(clock.monotonic() - began).to.be.at.most(61_000);
    await until(() => page.requests.length >= 3);
    expect(host.metric('prometheus_sd_kubernetes_failures_total')).to.equal(1);
  });

  holds('K21', async () => {
    const found = await watched();
    const began = found.clock.monotonic();
    // Nothing comes, and no end either: the other side of the connection has gone.
    await found.until(() => watches(api.requests).length === 2, 1000);
    expect(found.clock.monotonic() - began).to.be.at.most(300_000);
    expect(Number(watches(api.requests)[0]!.query.get('timeoutSeconds'))).to.be.below(300);
    expect(lists(api.requests)).to.have.length(1);
    expect(found.updates).to.have.length(1);
  });

  holds('K22', async () => {
    const elsewhere: (string | undefined)[] = [];
    const other = await httpServer((request, response) => {
      elsewhere.push(request.headers.authorization);
      response.end();
    });
    api.intercept = (_request, response) => {
      response.writeHead(302, { location: `http://localhost:${other.port}/api/v1/pods` }).end();
      return true;
    };
    const found = await discover({ authorization: { credentials: 'secret' }, follow_redirects: true });
    await found.until(() => (found.host.metric('prometheus_sd_kubernetes_failures_total') ?? 0) >= 2, 100);
    expect(elsewhere).to.deep.equal([]);
    expect(String(found.host.logs[0]!.fields.error)).to.include('redirects are not followed');
  });

  it('is held in full', () => {
    expect([...scenarios.keys()].filter((id) => !held.has(id))).to.deep.equal([]);
  });
  k8s.listIsCurrent();
});

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** Gives the longest that the main thread has worked between two turns of the event loop, in milliseconds of its own time. */
function longestTurn(): () => number {
  let longest = 0;
  let running = true;
  const spent = () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let before = spent();
  const turn = () => {
    const now = spent();
    longest = Math.max(longest, now - before);
    before = now;
    if (running) setImmediate(turn);
  };
  turn();
  return () => {
    running = false;
    return longest;
  };
}

async function advance(clock: { advance(ms: number): Promise<void> }, step: number, holds: () => boolean) {
  const end = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`still not so after 30 s: ${holds}`);
    await clock.advance(step);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
