/**
 * `npm run test:hostile`: hostile targets and receivers against the real bundle, on loopback, each with the number that must
 * hold. `--only T01,T03`, `--long` (ten minutes' outage, 100,000 scrapes …: half an hour), `--json FILE`, `--markdown FILE`. Exits with 1 when a number is missed.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { parseArgs } from 'node:util';
import { PROJECT } from './kit/agent.ts';
import { counts, describeRun, lines, markdown, type Outcome, passed, unknown } from './kit/report.ts';
import type { Lab, Threat } from './kit/threat.ts';

/** A threat that takes longer is broken. */
const LIMIT = 150_000;
const LONG_LIMIT = 800_000;
const AT_A_TIME = 3;

// So that what else the machine does is not measured. Only root may; the agents inherit it.
try {
  setPriority(-10);
} catch {
  // Then it is measured as it is.
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    long: { type: 'boolean', default: false },
    json: { type: 'string' },
    markdown: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});
const say = (text: string) => void process.stdout.write(`${text}\n`);

async function allThreats(): Promise<Threat[]> {
  const folder = new URL('threats/', import.meta.url);
  const modules = readdirSync(folder)
    .sort()
    .map((file) => import(new URL(file, folder).href) as Promise<{ default: Threat }>);
  return (await Promise.all(modules)).map((module) => module.default);
}

async function attempt(threat: Threat): Promise<Outcome> {
  const ends: (() => unknown)[] = [];
  const lab: Lab = { long: values.long, defer: (end) => void ends.push(end) };
  const began = performance.now();
  const outcome: Outcome = { id: threat.id, title: threat.title, seconds: 0, measures: [] };
  const limit = values.long ? LONG_LIMIT : LIMIT;
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not over after ${limit / 1000} s`)), limit);
  });
  try {
    outcome.measures = await Promise.race([threat.run(lab), tooLong]);
    if (outcome.measures.length === 0) throw new Error('it measured nothing');
  } catch (error) {
    outcome.broken = (error as Error).stack ?? String(error);
  }
  clearTimeout(timer);
  for (const end of ends.reverse()) await end();
  outcome.seconds = (performance.now() - began) / 1000;
  return outcome;
}

const threats = await allThreats();
const only = values.only?.split(',').map((id) => id.trim().toUpperCase());
const odd = unknown(only ?? [], threats);
if (odd.length) {
  say(`no such threat: ${odd.join(', ')}; there are ${threats.map(({ id }) => id).join(', ')}`);
  process.exit(2);
}
if (!values['no-build']) execFileSync('npm', ['run', '-s', 'build'], { cwd: PROJECT, stdio: 'inherit' });
const wanted = threats.filter(({ id }) => !only || only.includes(id));
const outcomes: Outcome[] = [];

/** Takes from the front until nothing is left. */
async function work(queue: Threat[]): Promise<void> {
  for (let threat = queue.shift(); threat; threat = queue.shift()) {
    const outcome = await attempt(threat);
    outcomes.push(outcome);
    say(lines(outcome));
  }
}

// Those that mostly wait go first, some at a time, the longest ahead; then, one by one, those that measure closely.
const [together, alone] = [wanted.filter((threat) => !threat.alone), wanted.filter((threat) => threat.alone)];
together.sort((a, b) => Number(b.patient ?? false) - Number(a.patient ?? false));
await Promise.all(Array.from({ length: AT_A_TIME }, () => work(together)));
await work(alone);
outcomes.sort((a, b) => (a.id < b.id ? -1 : 1));
const run = describeRun(values.long ? 'long' : 'short', outcomes);
if (values.json) writeFileSync(values.json, `${JSON.stringify(run, undefined, 1)}\n`);
if (values.markdown) writeFileSync(values.markdown, markdown(run));
say(`\n${counts(outcomes)}`);
process.exit(outcomes.every(passed) && outcomes.length > 0 ? 0 : 1);
