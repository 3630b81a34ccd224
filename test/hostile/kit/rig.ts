/** An agent with good targets beside a bad job, and a receiver that shows what came of both. */
import { freePorts } from '../../support/children.ts';
import { readPage } from '../../support/page.ts';
import { type Agent, type AgentOptions, startAgent, unanswered, until } from './agent.ts';
import { bytesRead, cpu, forgetPeak, peak, resident } from './proc.ts';
import { type Sink, type SinkOptions, startSink } from './sink.ts';
import { atMost, equal, type Lab, type Measure, most, percentile, says, sleep } from './threat.ts';
import { answer, serve } from './wire.ts';

const GOOD_TARGETS = 5;
const GOOD_SERIES = 200;
/** Milliseconds. */
export const GOOD_INTERVAL = 1000;
/** Milliseconds in which this process did not run, after which a scrape of it may well fail. */
const STOOD_STILL = 300;

export interface RigOptions {
  /** Scrape configurations besides the good one. */
  jobs?: readonly object[];
  global?: object;
  sink?: SinkOptions;
  /** Over the exporter's own settings; `endpoint` may be another's. */
  exporter?: object;
  processors?: Readonly<Record<string, object>>;
  extensions?: Readonly<Record<string, object>>;
  agent?: AgentOptions;
  /** Milliseconds of quiet before the threat begins. */
  warm?: number;
}

export interface Rig {
  readonly agent: Agent;
  readonly sink: Sink;
  readonly config: object;
  /** What idle is: taken when the rig was warm. */
  readonly idle: { rss: number; cpu: number; read: number; wall: number; at: number };
  /** Adds jobs by a reload: the threat begins. */
  attack(jobs: readonly object[], quietly?: 'quietly'): Promise<void>;
  /** Growth of resident memory over idle, at its peak, MiB. */
  growth(): number;
  cpu(): number;
  read(): number;
  /** The agent's own metric, added up over its series whose labels match. */
  own(name: string, labels?: RegExp): Promise<number>;
  /** That the good targets are scraped on time, none left out. */
  neighbours(): Measure[];
  /** That `up` of a job was 0 in all scrapes, and the reason in the log. */
  down(job: string, reason: RegExp): Measure[];
}

export const job = (name: string, targets: readonly (number | string)[], more: object = {}): object => ({
  job_name: name,
  scrape_interval: '1s',
  scrape_timeout: '1s',
  static_configs: [{ targets: targets.map((one) => (typeof one === 'number' ? `127.0.0.1:${one}` : one)) }],
  ...more,
});

/** With a receiver that shows nothing: the exporter has an endpoint of its own. */
export const startRigBlind = (lab: Lab, exporter: object): Promise<Rig> => startRig(lab, { exporter, blind: true });

export async function startRig(lab: Lab, options: RigOptions & { blind?: boolean } = {}): Promise<Rig> {
  const sink = await startSink(lab, options.sink);
  const good = await Promise.all(Array.from({ length: GOOD_TARGETS }, () => goodTarget(lab)));
  const goodJob = job('good', good);
  const [page = 0] = await freePorts(1);
  const configOf = (jobs: readonly object[]) => agentConfig(options, sink, page, goodJob, jobs);
  const config = configOf(options.jobs ?? []);
  const agent = await startAgent(lab, config, options.agent);
  const scraped = () => options.blind || sink.find('up', { job: 'good' }).length === GOOD_TARGETS;
  await until(scraped, 'the good targets are scraped');
  await sleep(options.warm ?? 2500);
  const idle = { rss: 0, cpu: 0, read: 0, wall: 0, at: 0 };
  const settle = () => {
    Object.assign(idle, { rss: resident(agent.pid), cpu: cpu(agent.pid), read: bytesRead(agent.pid) });
    Object.assign(idle, { wall: Date.now(), at: performance.now() });
    forgetPeak(agent.pid);
    agent.fresh();
  };
  settle();
  return {
    agent,
    sink,
    config,
    idle,
    async attack(jobs, quietly) {
      agent.rewrite(configOf([...(options.jobs ?? []), ...jobs]));
      agent.kill('SIGHUP');
      if (!quietly) await agent.says(/the new configuration runs/);
    },
    growth: () => peak(agent.pid) - idle.rss,
    cpu: () => cpu(agent.pid) - idle.cpu,
    read: () => bytesRead(agent.pid) - idle.read,
    own: (name, labels = /./) => ownMetric(page, name, labels),
    neighbours: () => neighbours(agent, sink, idle.wall),
    down: (name, reason) => down(agent, sink, name, reason),
  };
}

function agentConfig(
  { global, exporter, processors = {}, extensions = {} }: RigOptions,
  sink: Sink,
  page: number,
  goodJob: object,
  jobs: readonly object[],
) {
  // A receiver of their own: a reload that brings the bad ones leaves the good ones alone.
  const scrapes = (scrape_configs: readonly object[]) => ({
    config: { ...(global ? { global } : {}), scrape_configs },
  });
  const receivers = { 'prometheus/good': scrapes([goodJob]), 'prometheus/bad': scrapes(jobs) };
  return {
    receivers,
    processors,
    exporters: { prometheusremotewrite: { endpoint: sink.url, ...exporter } },
    extensions,
    service: {
      extensions: Object.keys(extensions),
      telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: page } } } }] } },
      pipelines: {
        metrics: {
          receivers: Object.keys(receivers),
          processors: Object.keys(processors),
          exporters: ['prometheusremotewrite'],
        },
      },
    },
  };
}

/** A sound target: counters that count its scrapes. */
export async function goodTarget(lab: Lab, series = GOOD_SERIES): Promise<number> {
  let scrapes = 0;
  const { port } = await serve(lab, (_, socket) => {
    scrapes++;
    const lines = Array.from({ length: series }, (__, i) => `good_total{i="${i}"} ${scrapes}\n`);
    socket.write(answer(200, `# TYPE good_total counter\n${lines.join('')}`));
  });
  return port;
}

async function ownMetric(page: number, name: string, labels: RegExp): Promise<number> {
  const { samples } = await readPage(`http://127.0.0.1:${page}/metrics`);
  let total = 0;
  for (const [key, value] of samples) if (RegExp(`^${name}(_total)?\\{`).test(key) && labels.test(key)) total += value;
  return total;
}

/**
 * What the machine withheld is taken off: the agent cannot be on time on a CPU that it does not get, nor scrape a target that
 * has none. A scrape that fails because this process stood still is no failure of the agent's.
 */
function neighbours(agent: Agent, sink: Sink, since: number): Measure[] {
  const off: number[] = [];
  let missing = 0;
  for (const { points } of sink.find('up', { job: 'good' })) {
    const seen = points.filter(({ time }) => time >= since).sort((a, b) => a.time - b.time);
    for (const { time, value } of seen)
      if (value !== 1 && unanswered(time, time + GOOD_INTERVAL) < STOOD_STILL) missing++;
    const times = [...new Set(seen.map(({ time }) => time))];
    for (let i = 1; i < times.length; i++) {
      const [from, to] = [times[i - 1]!, times[i]!];
      const own = Math.abs(to - from - GOOD_INTERVAL) - agent.withheld(from, to) - unanswered(from, to);
      off.push(Math.max(0, own));
      missing += Math.max(0, Math.round(own / GOOD_INTERVAL));
    }
  }
  return [
    atMost('other targets: jitter p99', off.length ? percentile(off, 99) : Number.POSITIVE_INFINITY, 250, 'ms'),
    equal('other targets: scrapes left out or failed', missing, 0),
  ];
}

function down(agent: Agent, sink: Sink, name: string, reason: RegExp): Measure[] {
  const ups = sink.points('up', { job: name });
  const log = agent
    .output()
    .split('\n')
    .filter((line) => line.includes('scrape failed') && line.includes(name));
  return [
    equal('up', ups.length === 0 ? 'never came' : most(ups.map(({ value }) => value)), 0),
    says('reason', reasonIn(log.find((line) => reason.test(line)) ?? log[0]), reason),
  ];
}

const reasonIn = (line: string | undefined): string | undefined => /"error":"(.*)"\}$/.exec(line ?? '')?.[1] ?? line;
