/** Programs run by the end-to-end tests. Each is ended by its own process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';

export interface Child {
  readonly pid: number;
  /** All that it wrote so far, both streams together. */
  output(): string;
  stdout(): string;
  /** Resolves when the output matches; rejects when the program ends first, or after `ms`. */
  says(pattern: RegExp, ms?: number): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** How it ended. */
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGTERM, and SIGKILL when that does not end it in five seconds. */
  stop(): Promise<void>;
}

export interface RunOptions {
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** A process group of its own; `kill` then reaches all of it, as Ctrl-C in a terminal does. */
  group?: boolean;
}

const running = new Set<Child>();

/** For afterEach: ends, by id, what this test still runs. */
export async function stopChildren(): Promise<void> {
  await Promise.all([...running].map((child) => child.stop()));
}

export function run(command: string, args: readonly string[], options: RunOptions = {}): Child {
  const spawned = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.group === true,
  });
  const name = command.slice(command.lastIndexOf('/') + 1);
  const written = collectOutput(spawned);
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    spawned.once('error', (cause) => reject(new Error(`cannot run ${command}`, { cause })));
    spawned.once('close', (code, signal) => resolve({ code, signal }));
  });
  let ended = false;
  const kill = (signal: NodeJS.Signals) => {
    const { pid } = spawned;
    if (ended || pid === undefined) return;
    if (options.group) process.kill(-pid, signal);
    else spawned.kill(signal);
  };
  const child: Child = {
    pid: spawned.pid ?? 0,
    output: written.all,
    stdout: written.stdout,
    async says(pattern, ms = 30_000) {
      const found = await until(
        () => {
          const match = pattern.exec(written.all());
          if (!match && ended) throw new Error(`${name} ended without saying ${pattern}:\n${written.all()}`);
          return match ?? undefined;
        },
        `${name} says ${pattern}`,
        ms,
      ).catch((error: Error) => {
        throw new Error(`${error.message}\n${written.all().slice(-4000)}`);
      });
      return found;
    },
    kill,
    exit,
    async stop() {
      const timer = setTimeout(() => kill('SIGKILL'), 5000);
      kill('SIGTERM');
      await exit.catch(() => {});
      clearTimeout(timer);
    },
  };
  running.add(child);
  const over = () => {
    ended = true;
    running.delete(child);
  };
  exit.then(over, over);
  return child;
}

function collectOutput(child: ChildProcess): { all(): string; stdout(): string } {
  let all = '';
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    all += text;
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    all += text;
  });
  return { all: () => all, stdout: () => stdout };
}

/** Asks again every 50 ms until there is an answer; whatever `ask` throws ends the wait. */
export async function until<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  ms = 30_000,
): Promise<T> {
  const end = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`waited ${ms / 1000} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Ports of loopback that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
