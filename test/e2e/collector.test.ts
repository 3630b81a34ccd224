import { expect } from 'chai';
import { startAgent } from '../support/agent.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { fetchPage, type Page, parsePage, readPage, steady } from '../support/page.ts';
import { ask, startCollector, startCoreDns } from '../support/peers.ts';

/** A pipeline that both programs run; `exporters` is YAML behind the shared one. */
const scraping = (target: number, telemetry: number) => `
receivers:
  prometheus:
    config:
      global: {scrape_interval: 500ms, scrape_timeout: 400ms}
      scrape_configs:
        - job_name: coredns
          static_configs: [{targets: ['127.0.0.1:${target}']}]
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 2000}
  batch: {timeout: 100ms}
service:
  telemetry:
    metrics:
      readers:
        - pull:
            exporter:
              prometheus: {host: 127.0.0.1, port: ${telemetry}, without_scope_info: true, without_units: true, without_type_suffix: true}
  pipelines:
    metrics: {receivers: [prometheus], processors: [memory_limiter, batch], exporters: [prometheus, otlphttp]}
`;
const page = (port: number) =>
  `prometheus: {endpoint: '127.0.0.1:${port}', add_metric_suffixes: false, without_scope_info: true}`;
const pageUrl = (port: number) => `http://127.0.0.1:${port}/metrics`;

/** Takes OTLP and shows it. */
const showing = (otlp: number, port: number) => `
receivers:
  otlp: {protocols: {http: {endpoint: '127.0.0.1:${otlp}'}}}
exporters:
  ${page(port)}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [otlp], exporters: [prometheus]}
`;

/** Labels that the Collector's own metrics have and ours have not: an address has no place in a name that is told apart by id. */
const LABELS_APART: Readonly<Record<string, readonly string[]>> = {
  otelcol_exporter_sent_metric_points: ['server_address', 'server_port', 'url_path'],
};

/**
 * Names of the Collector's that its own page lacks here: it shows a counter only once it has counted something, and
 * `processor_internal_duration` only at level detailed. `dropped_metric_points` is ours: it says what batch had to drop.
 */
const OURS_ALONE =
  /^otelcol_(processor_memory_limiter_refused_metric_points|exporter_(send_failed|enqueue_failed)_metric_points|processor_batch_(batch_size_trigger_send|dropped_metric_points)|processor_(accepted|refused)_metric_points|processor_internal_duration|scraper_scraped_metric_points)$/;

async function filled(port: number, name: RegExp): Promise<Page> {
  return until(async () => {
    const got = await readPage(pageUrl(port));
    return [...got.samples.keys()].some((key) => name.test(key)) && got;
  }, `127.0.0.1:${port} shows ${name}`);
}

const withExporters = (yaml: string, port: number, otlp: number) =>
  `${yaml}\nexporters:\n  ${page(port)}\n  otlphttp: {endpoint: 'http://127.0.0.1:${otlp}'}\n`;

describe('dnscol beside a real OpenTelemetry Collector', () => {
  afterEach(stopChildren);

  for (const encoding of ['proto', 'json']) {
    it(`sends OTLP as ${encoding} that the Collector shows as dnscol's own page does`, async () => {
      const [otlp = 0, theirs = 0, ours = 0, own = 0] = await freePorts(4);
      const coredns = await startCoreDns();
      await ask(coredns);
      await startCollector(showing(otlp, theirs));
      const yaml = withExporters(scraping(coredns.metrics, own), ours, otlp);
      await startAgent(yaml.replace('otlphttp: {', `otlphttp: {encoding: ${encoding}, `));

      const sent = await filled(theirs, /^coredns_build_info/);
      const shown = await filled(ours, /^coredns_build_info/);
      expect(steady(sent.samples, /^(coredns_|up)/)).to.deep.equal(steady(shown.samples, /^(coredns_|up)/));
      expect(familiesOf(sent, /^(coredns_|go_|process_)/)).to.deep.equal(familiesOf(shown, /^(coredns_|go_|process_)/));
      // What is restless differs in value only.
      expect(keysOf(sent)).to.deep.equal(keysOf(shown));

      await coredns.stop();
      // The Collector's exporter forgets one series a metric at a marker and overlooks the rest, so look at one that is alone.
      await until(
        async () => !(await fetchPage(pageUrl(theirs))).includes('coredns_build_info{'),
        'the Collector ends a series that went stale',
        15_000,
      );
    });
  }

  it('scrapes as the Collector does: the same page from the same YAML', async () => {
    const [theirs = 0, ours = 0, own = 0, itsOwn = 0, nowhere = 0] = await freePorts(5);
    const coredns = await startCoreDns();
    await ask(coredns);
    await startCollector(withExporters(scraping(coredns.metrics, itsOwn), theirs, nowhere));
    await startAgent(withExporters(scraping(coredns.metrics, own), ours, nowhere));

    const peer = await filled(theirs, /^coredns_build_info/);
    const shown = await filled(ours, /^coredns_build_info/);
    expect(steady(shown.samples)).to.deep.equal(steady(peer.samples, /^(?!target_info)/));
    expect(keysOf(shown)).to.deep.equal(keysOf(peer));
  });

  it('names its own metrics as the Collector names its own, with its types and labels', async () => {
    const [otlp = 0, sink = 0, theirs = 0, ours = 0, own = 0, itsOwn = 0] = await freePorts(6);
    const coredns = await startCoreDns();
    await ask(coredns);
    await startCollector(showing(otlp, sink));
    await startCollector(withExporters(scraping(coredns.metrics, itsOwn), theirs, otlp));
    await startAgent(withExporters(scraping(coredns.metrics, own), ours, otlp));
    await filled(itsOwn, /^otelcol_exporter_sent_metric_points.*otlp/);
    await filled(own, /^otelcol_exporter_sent_metric_points.*otlp/);

    const peer = shapesOf(await fetchPage(pageUrl(itsOwn)));
    const agent = shapesOf(await fetchPage(pageUrl(own)));
    for (const [name, labels] of Object.entries(LABELS_APART)) {
      if (peer[name]) peer[name].labels = peer[name].labels.filter((label) => !labels.includes(label));
    }
    const shared = Object.keys(agent).filter((name) => name in peer);
    expect(pick(agent, shared)).to.deep.equal(pick(peer, shared));
    expect(Object.keys(agent).filter((name) => !(name in peer) && !OURS_ALONE.test(name))).to.deep.equal([]);
    expect(shared).to.include.members([
      'otelcol_receiver_accepted_metric_points',
      'otelcol_receiver_refused_metric_points',
      'otelcol_processor_incoming_items',
      'otelcol_processor_outgoing_items',
      'otelcol_exporter_sent_metric_points',
      'otelcol_exporter_queue_size',
      'otelcol_exporter_queue_capacity',
      'otelcol_process_uptime',
      'otelcol_process_cpu_seconds',
      'otelcol_process_memory_rss',
    ]);
  });
});

/** Names and types of a page's families. */
function familiesOf({ types }: Page, only: RegExp): [string, string][] {
  return [...types].filter(([name]) => only.test(name)).sort();
}

/** The series of a page but for what an exporter makes of a resource. */
function keysOf({ samples }: Page): string[] {
  return [...samples.keys()].filter((key) => !key.startsWith('target_info')).sort();
}

/** By family: its type and the names of its labels, empty ones among them. */
function shapesOf(text: string): Record<string, { type: string; labels: string[] }> {
  const shapes: Record<string, { type: string; labels: string[] }> = {};
  for (const [name, type] of parsePage(text).types) {
    if (!name.startsWith('otelcol_')) continue;
    const lines = text.match(new RegExp(`^${name}(_bucket|_sum|_count)?\\{.*$`, 'gm')) ?? [];
    const labels = new Set(lines.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, label]) => label!)));
    labels.delete('le');
    shapes[name] = { type, labels: [...labels].sort() };
  }
  return shapes;
}

function pick<T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, from[name]!]));
}
