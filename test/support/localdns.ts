/** A node on which AKS's localdns runs, and the agent in place of its exporter. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PROJECT } from './agent.ts';
import { type Child, freePorts, run } from './children.ts';
import { fetchPage, parsePage } from './page.ts';
import { makeTree, type Tree } from './tree.ts';

export const CONFIG = `${PROJECT}config/aks-localdns.yaml`;
export const COREFILE = 'opt/azure/containers/localdns/updated.localdns.corefile';
export const PID_FILE = 'run/localdns.pid';
export const CGROUP = 'sys/fs/cgroup/localdns.slice/localdns.service';
export const CPU_STAT = `${CGROUP}/cpu.stat`;
export const MEMORY = `${CGROUP}/memory.current`;

export interface Node {
  readonly tree: Tree;
  /** Ends the process in the PID file. */
  die(): Promise<void>;
  remove(): void;
}

/** A tree under ROOT_PATH. A process stands in for CoreDNS; `undefined` leaves a file out. */
export function makeNode(files: Readonly<Record<string, string | undefined>> = {}): Node {
  const process = spawn('sleep', ['600'], { stdio: 'ignore' });
  const gone = once(process, 'exit');
  const tree = makeTree();
  tree.write({
    [PID_FILE]: `${process.pid}\n`,
    [CPU_STAT]: 'usage_usec 1500000123\nuser_usec 1000000000\nsystem_usec 500000123\n',
    [MEMORY]: '8388608\n',
    ...files,
  });
  const die = async () => {
    process.kill('SIGKILL');
    await gone;
  };
  return {
    tree,
    die,
    remove() {
      process.kill('SIGKILL');
      tree.remove();
    },
  };
}

export interface Exporter {
  readonly child: Child;
  readonly port: number;
  readonly url: string;
}

/** Runs the shipped configuration. */
export async function startExporter(root: string, env: Readonly<Record<string, string>> = {}): Promise<Exporter> {
  const [port = 0] = await freePorts(1);
  const args = ['--disable-warning=ExperimentalWarning', `${PROJECT}src/main.ts`, '--config', CONFIG];
  const child = run(process.execPath, args, { env: { ROOT_PATH: root, LISTEN: `127.0.0.1:${port}`, ...env } });
  await child.says(/everything is ready/);
  return { child, port, url: `http://127.0.0.1:${port}/metrics` };
}

/** The time of the last collection differs at each look; 0 means that there was none. */
const TIME = 'localdns_metrics_last_update_timestamp_seconds{}';

/** What a page says, in a form that compares: help, types, samples; any time but 0 is `now`. */
export function saidBy(text: string) {
  const { samples, types } = parsePage(text);
  const at = samples.get(TIME);
  return {
    help: text
      .split('\n')
      .filter((line) => line.startsWith('# HELP '))
      .sort(),
    types: Object.fromEntries([...types].sort()),
    samples: { ...Object.fromEntries(samples), ...(at ? { [TIME]: 'now' } : {}) },
  };
}

/** The samples of a page, as `saidBy` has them. */
export const samplesAt = async (url: string) => saidBy(await fetchPage(url)).samples;
