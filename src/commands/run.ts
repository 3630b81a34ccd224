import { statSync } from 'node:fs';
import { setListenSockets, setProxyEnvironment } from '#http';
import { setEnvironment } from '#kit';
import { type AgentEvent, type Loading, runAgent } from '../agent.ts';
import { components } from '../components.ts';
import { type ReadConfig, readConfig } from '../config/read.ts';
import { version } from '../version.ts';
import { CONFIG_OPTIONS, configArgs, type Io, readArgs } from './io.ts';

/** How often `--watch` looks, in milliseconds. Looking beats being told: it also sees a ConfigMap's symlinks move. */
const WATCH_INTERVAL = 1000;

/** `dnscol run`: runs the pipelines until told to stop. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const values = readArgs(args, { ...CONFIG_OPTIONS, watch: { type: 'boolean' } });
  const sources = configArgs(values);
  const { life } = io;
  if (!life) throw new Error('run needs a process to live in');
  setEnvironment(io.env);
  setProxyEnvironment(io.env);
  setListenSockets(io.env, process.pid);
  let files: readonly string[] = [];
  const load = async (): Promise<Loading> => {
    const reading = await readConfig({ ...sources, env: io.env }, components);
    // A file that is missing for a moment is still to be watched.
    files = reading.ok ? reading.files : [...new Set([...files, ...reading.files])];
    return loadingOf(reading);
  };
  return runAgent({
    load,
    source: sources.configs.map((source) => (/^yaml:/.test(source) ? '<yaml>' : source)).join(' + '),
    version,
    streams: io,
    onEvent(listener) {
      const ends = [life.onSignal(listener), ...(values.watch ? [watch(() => files, listener)] : [])];
      return () => ends.forEach((end) => void end());
    },
    onUncaught: life.onUncaught,
  });
}

function loadingOf(reading: ReadConfig): Loading {
  const { ok, resolved, warnings, report } = reading;
  return ok ? { ok: true, resolved, warnings } : { ok: false, report: warnings + report };
}

function watch(files: () => readonly string[], listener: (event: AgentEvent) => void): () => void {
  const look = () => files().map(stamp).join('\n');
  let seen = look();
  const timer = setInterval(() => {
    const now = look();
    if (now === seen) return;
    seen = now;
    listener('reload');
  }, WATCH_INTERVAL);
  return () => clearInterval(timer);
}

function stamp(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
  return stat ? `${file} ${stat.ino} ${stat.size} ${stat.mtimeNs}` : `${file} -`;
}
