/** The real bundle, as a black box. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { makeTree } from '../../support/tree.ts';
import { atMost, type Lab, type Measure, most, percentile, sleep, sum } from './threat.ts';

export const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
/** The probe reports five times a second; milliseconds without a word that tell of more than a busy machine. */
const SILENCE = 1500;
/** Another bundle may be tried in its place. */
const BUNDLE = process.env.DNSCOL_BUNDLE || `${PROJECT}dist/dnscol.js`;
const PROBE = fileURLToPath(new URL('probe.cjs', import.meta.url));

const TURN = 50;
/** When this process itself had a turn last: what it is too busy to hear is not the agent's silence. */
let ownTurn = performance.now();
const ownDelays: { at: number; ms: number }[] = [];
setInterval(() => {
  const now = performance.now();
  const ms = now - ownTurn - TURN;
  ownTurn = now;
  if (ms > TURN) ownDelays.push({ at: Date.now(), ms });
}, TURN).unref();

/** Milliseconds for which this process, and so every target in it, did not answer between two wall times. */
export const unanswered = (from: number, to: number): number =>
  sum(ownDelays.filter(({ at, ms }) => at > from && at - ms < to).map(({ ms }) => ms));

export interface Agent {
  readonly pid: number;
  /** All it said, both streams together. */
  output(): string;
  /** How it ended, and when (monotonic milliseconds). */
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null; at: number }>;
  readonly ended: boolean;
  kill(signal: NodeJS.Signals): void;
  says(pattern: RegExp, ms?: number): Promise<void>;
  rewrite(config: object): void;
  /** Reads no more of what it says: to write is an error for it from now on. */
  closeOutput(): void;
  /** Milliseconds that the event loop was late, every 20 ms since `fresh`. */
  readonly late: readonly number[];
  fresh(): void;
  /** Milliseconds for which the machine withheld a CPU between two wall times, give or take a report's 200 ms. */
  withheld(from: number, to: number): number;
  /** The two numbers of T74 since `fresh`. */
  loop(): Measure[];
  /** Bytes of live heap, after a collection, and timers that run. */
  held(): Promise<Held>;
}

export interface Held {
  heap: number;
  timers: number;
}

export interface AgentOptions {
  env?: Readonly<Record<string, string>>;
  /** Node's own. */
  flags?: readonly string[];
  /** A program to run it with, such as one that joins a cgroup first. */
  wrapper?: readonly string[];
  /** In place of `run`. */
  command?: string;
}

export async function startAgent(lab: Lab, config: object, options: AgentOptions = {}): Promise<Agent> {
  const agent = launchAgent(lab, config, options);
  await agent.says(/everything is ready/);
  return agent;
}

/** JSON is YAML too. */
export function launchAgent(lab: Lab, config: object, options: AgentOptions = {}): Agent {
  const tree = makeTree({ 'agent.yaml': JSON.stringify(config, undefined, 1) });
  lab.defer(() => tree.remove());
  const file = `${tree.path}/agent.yaml`;
  const node = ['--expose-gc', '--require', PROBE, ...(options.flags ?? []), BUNDLE, options.command ?? 'run'];
  const [command = '', ...args] = [...(options.wrapper ?? []), process.execPath, ...node, '--config', file];
  const child = spawn(command, args, {
    cwd: tree.path,
    env: { ...environment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null; at: number }>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal, at: performance.now() }));
  });
  const agent = dress(child, exit, file);
  lab.defer(async () => {
    if (!agent.ended) child.kill('SIGKILL');
    await exit.catch(() => {});
  });
  return agent;
}

/** npm's variables tell the agent that npm runs it, which is not so here. */
function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name, value]) => value !== undefined && !/^(npm_|NODE_OPTIONS$)|_proxy$/i.test(name),
    ) as [string, string][],
  );
}

function dress(child: ChildProcess, exit: Agent['exit'], file: string): Agent {
  let said = '';
  let ended = false;
  let late: number[] = [];
  let heard = performance.now();
  const withheld: { at: number; ms: number }[] = [];
  let onHeld = (_held: Held) => {};
  const over = () => {
    ended = true;
  };
  exit.then(over, over);
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  lines(child.stdio[3] as NodeJS.ReadableStream, (line) => {
    const told = JSON.parse(line) as { late?: number[]; at: number; withheld: number } & Partial<Held>;
    heard = performance.now();
    if (told.late) late.push(...told.late);
    if (told.withheld) withheld.push({ at: told.at, ms: told.withheld });
    if (told.heap !== undefined) onHeld(told as Held);
  });
  return {
    pid: child.pid ?? 0,
    output: () => said,
    exit,
    get ended() {
      return ended;
    },
    kill: (signal) => void child.kill(signal),
    says: (pattern, ms = 20_000) =>
      until(
        () => {
          if (!pattern.test(said) && ended) throw new Error(`the agent ended without saying ${pattern}:\n${said}`);
          return pattern.test(said);
        },
        `the agent says ${pattern}; it said ${said.slice(-1000)}`,
        ms,
      ),
    closeOutput() {
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
    rewrite: (config) => writeFileSync(file, JSON.stringify(config, undefined, 1)),
    get late() {
      return late;
    },
    fresh() {
      late = [];
    },
    withheld: (from, to) => sum(withheld.filter(({ at }) => at > from && at < to + 250).map(({ ms }) => ms)),
    loop() {
      // One that hangs does not even report.
      const silence = ownTurn - heard;
      const all = silence > SILENCE ? [...late, silence] : late;
      return [
        atMost('event loop late, p99', percentile(late, 99), 50, 'ms'),
        atMost('event loop late, most', most(all), 200, 'ms'),
      ];
    },
    held: () =>
      new Promise((resolve) => {
        onHeld = resolve;
        child.kill('SIGUSR2');
      }),
  };
}

function lines(stream: NodeJS.ReadableStream, each: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const all = (rest + text).split('\n');
    rest = all.pop() ?? '';
    for (const line of all) each(line);
  });
}

/** Waits until it holds; rejects after `ms`. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 20_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`waited ${ms / 1000} s in vain until ${what}`);
    await sleep(10);
  }
}
