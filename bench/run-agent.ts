/**
 * CPU a sample of whole agents on identical work: `npm run build && node bench/run-agent.ts [options]`. Runs the bundle and
 * its peers in turn, round after round, with the judge in ../shared/bench, and prints ratios of runs made back to back.
 *
 *     --rounds 3  --peers vmagent,prometheus,otelcol  --n 50  --win 20  --warm 12  --relabel 0  --node PATH
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    peers: { type: 'string', default: 'vmagent,prometheus,otelcol' },
    n: { type: 'string', default: '50' },
    win: { type: 'string', default: '20' },
    warm: { type: 'string', default: '12' },
    relabel: { type: 'string', default: '0' },
    node: { type: 'string', default: process.execPath },
  },
});

/** What the judge says of one run. */
interface Run {
  peer: string;
  usPerSample: number;
  stealPct: number;
  scrapes: number;
  expected: number;
  sinkBad: number;
  rssMedMiB: number;
  anonMedMiB: number;
  firstPushMs: number;
  bPerSample: number;
}

/** Percent of the processor's time taken by other machines, above which a run tells nothing. */
const TOO_MUCH_STEAL = 20;

const project = fileURLToPath(new URL('..', import.meta.url));
const judge = join(project, '../shared/bench/run.mjs');
const bundle = join(project, 'dist/dnscol.js');
for (const [file, how] of [
  [judge, 'the judge belongs beside the project'],
  [bundle, 'npm run build makes it'],
] as const) {
  if (!existsSync(file)) throw new Error(`${file} is missing: ${how}`);
}

const work = mkdtempSync(join(tmpdir(), 'dnscol-bench-'));
const wrapper = join(work, 'dnscol');
writeFileSync(wrapper, `#!/bin/sh\nexec '${options.node}' '${bundle}' "$@"\n`);
chmodSync(wrapper, 0o755);
const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const path = [join(homedir(), '.cache/bench-peers/x/usr/bin'), join(cache, 'dnscol-peers/bin'), process.env.PATH].join(
  ':',
);

/** A run that cannot be made, for want of a port perhaps, is tried once more. */
function measure(peer: string): Run {
  try {
    return measureOnce(peer);
  } catch {
    return measureOnce(peer);
  }
}

function measureOnce(peer: string): Run {
  const shape = ['--peer', peer, '--n', options.n, '--samples', '1000', '--interval', '1000'];
  const length = ['--warm', options.warm, '--win', options.win, '--relabel', options.relabel];
  const out = execFileSync(process.execPath, [judge, ...shape, ...length], {
    env: { ...process.env, PATH: path, DNSCOL: wrapper },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(out.trim().split('\n').at(-1)!) as Run;
}

const problem = (run: Run) =>
  run.stealPct > TOO_MUCH_STEAL
    ? `steal ${run.stealPct} %`
    : run.scrapes < 0.95 * run.expected
      ? `${run.scrapes} of ${run.expected} scrapes`
      : run.sinkBad
        ? `${run.sinkBad} bad requests`
        : '';

const peers = options.peers.split(',').filter(Boolean);
const ratios = new Map<string, number[]>();
print(
  '| round | agent | µs a sample | of the peer | resident MiB | anonymous | first push ms | bytes a sample | steal % | |',
);
print('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |');
try {
  for (let round = 1; round <= Number(options.rounds); round++) {
    const own = measure('dnscol');
    show(round, own, '');
    for (const peer of peers) {
      const run = measure(peer);
      const ratio = own.usPerSample / run.usPerSample;
      show(round, run, ratio.toFixed(2));
      if (!problem(own) && !problem(run)) ratios.set(peer, [...(ratios.get(peer) ?? []), ratio]);
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
for (const [peer, all] of ratios) {
  const sorted = all.toSorted((a, b) => a - b);
  print(
    `\n${peer}: dnscol takes ${sorted[sorted.length >> 1]!.toFixed(2)} of its CPU a sample (${sorted.map((r) => r.toFixed(2)).join(', ')})`,
  );
}

function show(round: number, run: Run, ratio: string): void {
  const { peer, usPerSample, rssMedMiB, anonMedMiB, firstPushMs, bPerSample, stealPct } = run;
  const cells = [round, peer, usPerSample, ratio, rssMedMiB, anonMedMiB, firstPushMs, bPerSample, stealPct];
  print(`| ${[...cells, problem(run)].join(' | ')} |`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
