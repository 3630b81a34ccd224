/** The real programs that scripts/peers.sh brings. A missing one fails the test, it does not skip it. */
import { Resolver } from 'node:dns/promises';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Child, freePorts, run, until } from './children.ts';
import type { Space } from './namespaces.ts';
import { makeTree } from './tree.ts';

const BIN = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'dnscol-peers/bin');

export function peer(name: string): string {
  const path = join(BIN, name);
  try {
    accessSync(path, constants.X_OK);
  } catch (cause) {
    throw new Error(`${path} is missing: run scripts/peers.sh first`, { cause });
  }
  return path;
}

export interface CoreDns extends Child {
  /** Where it answers questions, and where its metrics are. */
  readonly dns: number;
  readonly metrics: number;
}

/**
 * A CoreDNS that answers anything under example.org with an address through its cache, refuses to know nothing.example.org,
 * and answers every other name about the asker.
 */
export async function startCoreDns(ports: { dns?: number; metrics?: number } = {}): Promise<CoreDns> {
  const [freeDns = 0, freeMetrics = 0] = await freePorts(2);
  const { dns = freeDns, metrics = freeMetrics } = ports;
  const tree = makeTree({
    Corefile: `
example.org:${dns} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metrics}
    cache 30
    template IN A nothing.example.org {
        rcode NXDOMAIN
    }
    template IN A example.org {
        answer "{{ .Name }} 60 IN A 192.0.2.7"
    }
}
.:${dns} {
    bind 127.0.0.1
    prometheus 127.0.0.1:${metrics}
    whoami
}
`,
  });
  const child = run(peer('coredns'), ['-conf', join(tree.path, 'Corefile')]);
  const remove = () => tree.remove();
  child.exit.then(remove, remove);
  await until(() => answers(`http://127.0.0.1:${metrics}/metrics`), 'CoreDNS shows its metrics');
  return { ...child, dns, metrics };
}

/** Asks it real questions, five, so that it has something to count. */
export async function ask(coredns: CoreDns): Promise<void> {
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${coredns.dns}`]);
  for (const name of ['a.example.org', 'a.example.org', 'b.example.org']) await resolver.resolve4(name);
  await resolver.resolve4('nothing.example.org').catch(() => {});
  await resolver.resolve4('elsewhere.test').catch(() => {});
}

export interface HistogramTarget extends Child {
  /** `127.0.0.1:port` */
  readonly address: string;
  observe(value: number): Promise<void>;
}

/** A target that client_golang instruments, with native and classic histograms, exemplars and created timestamps. */
export async function startHistograms(): Promise<HistogramTarget> {
  const [port = 0] = await freePorts(1);
  const address = `127.0.0.1:${port}`;
  const child = run(peer('histograms'), [address]);
  await until(() => answers(`http://${address}/metrics`), 'the target shows its metrics');
  return {
    ...child,
    address,
    async observe(value) {
      await (await fetch(`http://${address}/observe?v=${value}`)).arrayBuffer();
    },
  };
}

export interface Prometheus extends Child {
  readonly port: number;
  /** Where remote write goes. */
  readonly write: string;
  /** An instant query, as `{labels, value}` a series. */
  query(promql: string): Promise<Sample[]>;
  /** Exemplars of a series from one moment to another, in milliseconds. */
  exemplars(series: string, from: number, to: number): Promise<{ labels: Record<string, string>; value: number }[]>;
  /** Types and helps that it learnt by scraping. */
  metadata(): Promise<Record<string, { type: string; help: string }[]>>;
}
export interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** A program that writes what is at a URL. */
const GET = 'fetch(process.argv[1]).then((r) => r.text()).then((t) => process.stdout.write(t))';

/**
 * Debian's Prometheus, which takes remote write and scrapes these targets each second, their labels as they are; in `space`
 * when one is given, and then asked from inside of it too.
 */
export async function startPrometheus(
  scrape: readonly string[] = [],
  space?: Space,
  features: readonly string[] = [],
): Promise<Prometheus> {
  const [port = 0] = await freePorts(1);
  const jobs = `
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: agent
    honor_labels: true
    static_configs:
      - targets: [${scrape.map((target) => `'${target}'`).join(', ')}]
        labels: {via: pull}
`;
  const tree = makeTree({ 'prometheus.yml': jobs });
  const args = [
    `--config.file=${tree.path}/prometheus.yml`,
    `--storage.tsdb.path=${tree.path}/data`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-remote-write-receiver',
    ...(features.length ? [`--enable-feature=${features.join()}`] : []),
  ];
  const child = space ? space.run(peer('prometheus'), ...args) : run(peer('prometheus'), args);
  const remove = () => tree.remove();
  child.exit.then(remove, remove);
  const base = `http://127.0.0.1:${port}`;
  await child.says(/Server is ready to receive web requests/);
  const get = async (url: string) =>
    space ? (JSON.parse(space.execute(process.execPath, '-e', GET, url)) as unknown) : getJson(url);
  return {
    ...child,
    port,
    write: `${base}/api/v1/write`,
    async query(promql) {
      const body = (await get(`${base}/api/v1/query?query=${encodeURIComponent(promql)}`)) as {
        data: { result: { metric: Record<string, string>; value: [number, string] }[] };
      };
      return body.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    async exemplars(series, from, to) {
      const range = `start=${from / 1000}&end=${to / 1000}`;
      const body = (await get(`${base}/api/v1/query_exemplars?query=${encodeURIComponent(series)}&${range}`)) as {
        data: { exemplars: { labels: Record<string, string>; value: string }[] }[];
      };
      return body.data.flatMap(({ exemplars }) =>
        exemplars.map(({ labels, value }) => ({ labels, value: Number(value) })),
      );
    },
    async metadata() {
      const body = (await get(`${base}/api/v1/metadata`)) as { data: Awaited<ReturnType<Prometheus['metadata']>> };
      return body.data;
    },
  };
}

/** The OpenTelemetry Collector, once its pipelines run. */
export async function startCollector(yaml: string, env: Readonly<Record<string, string>> = {}): Promise<Child> {
  const tree = makeTree({ 'collector.yaml': yaml });
  const child = run(peer('otelcol'), ['--config', join(tree.path, 'collector.yaml')], { env });
  const remove = () => tree.remove();
  child.exit.then(remove, remove);
  await child.says(/Everything is ready/);
  return child;
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url);
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
