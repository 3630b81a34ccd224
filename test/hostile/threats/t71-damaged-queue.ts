import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { random } from '../../support/random.ts';
import { makeTree } from '../../support/tree.ts';
import { type Agent, launchAgent, until } from '../kit/agent.ts';
import { goodTarget, job, startRig } from '../kit/rig.ts';
import { startSink } from '../kit/sink.ts';
import { atLeast, atMost, equal, type Lab, type Measure, sleep, type Threat } from '../kit/threat.ts';
import { answer } from '../kit/wire.ts';

type Damage = (files: readonly string[]) => void;

const largest = (files: readonly string[]): string =>
  [...files].sort((a, b) => statSync(b).size - statSync(a).size)[0]!;

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = bytes[at]! ^ 0x10;
  writeFileSync(file, bytes);
}

/** What is done to a queue, and how many of its records that may cost; undefined: all of them. */
const DAMAGES: readonly [string, Damage, number | undefined][] = [
  ['nothing', () => {}, 0],
  ['a byte flipped in the middle', (files) => flip(largest(files), Math.floor(statSync(largest(files)).size / 2)), 1],
  ['torn at the end', (files) => truncateSync(largest(files), statSync(largest(files)).size - 7), 1],
  ['noise behind the end', (files) => writeFileSync(largest(files), noise(5000), { flag: 'a' }), 0],
  [
    'all zeros',
    (files) => files.forEach((file) => void writeFileSync(file, Buffer.alloc(statSync(file).size))),
    undefined,
  ],
  ['all empty', (files) => files.forEach((file) => void truncateSync(file)), undefined],
  ['all noise', (files) => files.forEach((file) => void writeFileSync(file, noise(50_000))), undefined],
];

export default {
  id: 'T71',
  title: 'torn, corrupt and foreign queue files',
  async run(lab) {
    const saved = await backlog(lab);
    const results = await Promise.all(DAMAGES.map((damage) => restart(lab, saved, damage)));
    return [atLeast('records in the queue', saved.records, 8), ...results.flat()];
  },
} satisfies Threat;

interface Saved {
  path: string;
  records: number;
  /** Samples of one series. */
  samples: number;
}

/** A queue as an agent leaves it that could send nothing. */
async function backlog(lab: Lab): Promise<Saved> {
  const tree = makeTree();
  lab.defer(() => tree.remove());
  let down = false;
  const rig = await startRig(lab, {
    warm: 0,
    extensions: { file_storage: { directory: tree.path } },
    exporter: { remote_write_queue: { storage: 'file_storage', num_consumers: 1 } },
    sink: {
      meet(_, reply) {
        if (down) reply(answer(503, 'no'));
        return down;
      },
    },
  });
  down = true;
  await sleep(8000);
  const records = await rig.own('otelcol_exporter_queue_size');
  rig.agent.kill('SIGKILL');
  await rig.agent.exit;
  const sent = rig.sink.find('good_total', { i: '0' }).reduce((all, { points }) => all + points.length, 0);
  return { path: tree.path, records, samples: sent };
}

async function restart(lab: Lab, saved: Saved, [what, damage, cost]: (typeof DAMAGES)[number]): Promise<Measure[]> {
  const tree = makeTree();
  lab.defer(() => tree.remove());
  cpSync(saved.path, tree.path, { recursive: true });
  damage(segments(tree.path));
  const sink = await startSink(lab);
  const began = performance.now();
  const agent = launchAgent(lab, {
    receivers: { prometheus: { config: { scrape_configs: [job('fresh', [await goodTarget(lab, 1)])] } } },
    extensions: { file_storage: { directory: tree.path } },
    exporters: {
      prometheusremotewrite: { endpoint: sink.url, remote_write_queue: { storage: 'file_storage', num_consumers: 1 } },
    },
    service: {
      extensions: ['file_storage'],
      telemetry: { metrics: { level: 'none' } },
      pipelines: { metrics: { receivers: ['prometheus'], exporters: ['prometheusremotewrite'] } },
    },
  });
  const started = await starts(agent);
  const took = performance.now() - began;
  if (started) await until(() => sink.find('up', { job: 'fresh' }).length > 0, `${what}: fresh data arrives`);
  await sleep(1000);
  const old = sink.find('good_total', { i: '0', job: 'good' });
  const arrived = old.reduce((all, { points }) => all + points.length, 0);
  const wanted = saved.records;
  const measures = [equal(`${what}: starts`, started, true), atMost(`${what}: start took`, took / 1000, 10, 's')];
  if (cost === undefined) return measures;
  // What the last half second brought may not have reached the disk when the agent was killed.
  return [...measures, atLeast(`${what}: samples of one series that arrived`, arrived, wanted - cost - 6)];
}

async function starts(agent: Agent): Promise<boolean> {
  await Promise.race([agent.says(/everything is ready/).catch(() => {}), agent.exit]);
  return !agent.ended;
}

function segments(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'lock')
    .map((entry) => join(entry.parentPath, entry.name));
}

function noise(length: number): Buffer {
  const next = random(length);
  return Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)));
}
