/** The same pages, scraped by dnscol and by a real Prometheus side by side: both must remote-write the same. */
import { expect } from 'chai';
import { labelMap } from '#metrics';
import { startAgent } from '../support/agent.ts';
import { freePorts, run, stopChildren, until } from '../support/children.ts';
import { exposition } from '../support/exposition-story.ts';
import { peer } from '../support/peers.ts';
import { type Receiver, receiver } from '../support/receiver.ts';
import { closeServers, httpServer } from '../support/servers.ts';
import { makeTree, type Tree } from '../support/tree.ts';

const TARGETS = 12;
const SCRAPES = 20;
/** Another one for each run would find more, but nobody could look into what it found. */
const SEED = 1700;

interface Target {
  port: number;
  /** How often each scraper has come, by the first word of its User-Agent. */
  scrapes: Map<string, number>;
}

async function startTarget(seed: number, start: number): Promise<Target> {
  const page = exposition(seed, start);
  const scrapes = new Map<string, number>();
  const { port } = await httpServer((request, response) => {
    const who = request.headers['user-agent']!.split('/')[0]!;
    const n = scrapes.get(who) ?? 0;
    scrapes.set(who, n + 1);
    const { status, contentType, body } = page(n);
    response.writeHead(status, { 'content-type': contentType }).end(body);
  });
  return { port, scrapes };
}

const jobs = (targets: readonly Target[], indent: string): string =>
  `
scrape_configs:
  - job_name: story
    scrape_interval: 1s
    scrape_timeout: 1s
    static_configs:
      - targets: [${targets.map(({ port }) => `'127.0.0.1:${port}'`).join(', ')}]
`.replaceAll('\n', `\n${indent}`);

function startPrometheus(tree: Tree, targets: readonly Target[], to: Receiver, port: number): void {
  tree.write({
    'prometheus.yml': `
remote_write:
  - url: ${to.url}
    send_exemplars: true
    metadata_config: {send: false}
    queue_config: {batch_send_deadline: 500ms, max_shards: 1}
${jobs(targets, '')}`,
  });
  run(peer('prometheus'), [
    `--config.file=${tree.path}/prometheus.yml`,
    `--storage.tsdb.path=${tree.path}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage',
  ]);
}

/** What was told of one target's first scrapes, as lines: labels, which scrape (or a moment of its own), and bits. */
function story(to: Receiver, instance: string, start: number): string[] {
  const series = to.taken().filter(({ labels }) => labelMap(labels).get('instance') === instance);
  const named = (name: string) => series.filter(({ labels }) => labels[labels.indexOf('__name__') + 1] === name);
  const times = [...new Set(named('up').flatMap(({ samples }) => samples.map(({ time }) => time)))].sort(
    (a, b) => a - b,
  );
  const scrape = new Map(times.map((time, n) => [time, n]));
  const when = (time: number) => (scrape.has(time) ? `scrape ${scrape.get(time)}` : `at ${time}`);
  // Moments of its own move on by half a second a scrape, and go back by less than two of them.
  const isEarly = (time: number) => (scrape.get(time) ?? (time - start) / 500 + 2) < SCRAPES;
  const lines = new Set<string>();
  for (const { labels, samples, exemplars = [] } of series) {
    const key = JSON.stringify(labels);
    for (const { time, bits } of samples) {
      // How long a scrape took differs. Prometheus leaves out what equals zero, and so makes 0 of -0.
      const shown = key.includes('"scrape_duration_seconds"') ? '' : bits.replace(/^80{15}$/, '0'.repeat(16));
      if (isEarly(time)) lines.add(`${when(time)} ${key} ${shown}`);
    }
    for (const { time, value, labels: own } of exemplars) {
      // The target numbers them by scrape, which says whether they are of the first ones.
      if (value < SCRAPES) lines.add(`${when(time)} ${key} exemplar ${JSON.stringify(own)} ${value}`);
    }
  }
  return [...lines].sort();
}

/** Says what differs, not all there is. */
function expectSame(ours: readonly string[], theirs: readonly string[], what: string): void {
  const [own, others] = [new Set(ours), new Set(theirs)];
  const more = ours.filter((line) => !others.has(line)).map((line) => `only dnscol: ${line}`);
  const less = theirs.filter((line) => !own.has(line)).map((line) => `only Prometheus: ${line}`);
  const differences = [...more, ...less];
  expect(differences.slice(0, 12), `${what}: ${differences.length} of ${theirs.length} differ`).to.deep.equal([]);
}

describe('dnscol and a real Prometheus, side by side', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({});
  });
  afterEach(async () => {
    await stopChildren();
    await closeServers();
    tree.remove();
  });

  it(`remote-write the same of ${TARGETS} random targets`, async function () {
    this.timeout(60_000);
    // Prometheus never remote-writes what is older than itself.
    const start = Date.now() + 5000;
    const targets = await Promise.all(Array.from({ length: TARGETS }, (_, i) => startTarget(SEED + i, start)));
    const [theirs, first, second] = [await receiver(), await receiver(), await receiver()];
    const [port = 0] = await freePorts(1);
    startPrometheus(tree, targets, theirs, port);
    const agent = await startAgent(`
receivers:
  prometheus:
    config:${jobs(targets, '      ')}
exporters:
  prometheusremotewrite/1: {endpoint: '${first.url}', target_info: {enabled: false}}
  prometheusremotewrite/2:
    endpoint: '${second.url}'
    target_info: {enabled: false}
    protobuf_message: io.prometheus.write.v2.Request
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [prometheus], exporters: [prometheusremotewrite/1, prometheusremotewrite/2]}
`);
    const instances = targets.map((target) => `127.0.0.1:${target.port}`);
    const told = (to: Receiver) =>
      instances.every((instance) => {
        const ups = to.taken().filter(({ labels }) => labels.includes('up') && labels.includes(instance));
        return new Set(ups.flatMap(({ samples }) => samples.map(({ time }) => time))).size > SCRAPES;
      });
    await until(() => told(theirs) && told(first) && told(second), 'all have told of enough scrapes', 50_000);
    agent.kill('SIGTERM');
    await agent.exit;

    let compared = 0;
    for (const instance of instances) {
      const want = story(theirs, instance, start);
      expectSame(story(first, instance, start), want, `1.0 of ${instance}`);
      expectSame(story(second, instance, start), want, `2.0 of ${instance}`);
      compared += want.length;
    }
    const all = instances.flatMap((instance) => story(theirs, instance, start)).join('\n');
    // Nothing of what the pages are for may be missing from them.
    for (const part of [
      /7ff0000000000002$/m,
      /7ff8000000000001$/m,
      /fff0000000000000$/m,
      /"up".* 0+$/m,
      /^at /m,
      /exemplar/,
    ]) {
      expect(all).to.match(part);
    }
    expect(compared).to.be.above(5000);
  });
});
