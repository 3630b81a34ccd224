import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { environment } from '#kit';
import { createEthtool, type DriverInfo, type Ethtool, type LinkInfo, libc, type Statistic, whyNoLibc } from '#linux';
import { parseDriver, parseSettings, parseStatistics } from './text.ts';

/** Where the numbers of an interface come from. Each call rejects or throws when the interface has gone. */
export interface Source {
  statistics(device: string, signal: AbortSignal): Promise<Statistic[]>;
  driver(device: string, signal: AbortSignal): Promise<DriverInfo | undefined>;
  link(device: string, signal: AbortSignal): Promise<LinkInfo>;
  /** Cheap enough for sampling; absent where only the program is left. */
  readonly kernel?: Ethtool;
  close(): void;
}

/** The kernel, asked by ioctl. */
export function kernelSource(kernel: Ethtool): Source {
  return {
    kernel,
    statistics: async (device) => kernel.statistics(device),
    driver: async (device) => kernel.driver(device),
    link: async (device) => kernel.link(device),
    close: () => kernel.close(),
  };
}

const run = promisify(execFile);
/** Where distributions put it; a service's or user's PATH often lacks sbin. */
const USUAL = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Of our own environment the program gets nothing but the PATH that it is found by. */
function programEnvironment() {
  const { PATH } = environment();
  return { LC_ALL: 'C', PATH: PATH ? `${PATH}:${USUAL}` : USUAL };
}

/** The `ethtool` program, run once for each interface and question. */
export function programSource(program = 'ethtool'): Source {
  const ask = async (args: string[], signal: AbortSignal): Promise<string> => {
    const { stdout } = await run(program, args, {
      signal,
      timeout: 5000,
      maxBuffer: 1 << 20,
      env: programEnvironment(),
    });
    return stdout;
  };
  // It fails for an interface without statistics or driver, which is no error.
  const orNothing = (work: Promise<string>): Promise<string> =>
    work.catch((error: NodeJS.ErrnoException) => {
      if (typeof error.code === 'number') return '';
      throw error;
    });
  return {
    statistics: async (device, signal) => parseStatistics(await orNothing(ask(['-S', device], signal))),
    async driver(device, signal) {
      const text = await orNothing(ask(['-i', device], signal));
      return text ? parseDriver(text) : undefined;
    },
    link: async (device, signal) => parseSettings(await orNothing(ask([device], signal))),
    close() {},
  };
}

/** The kernel where libc can be reached, and otherwise the program, with the reason. */
export function openSource(): { source: Source; fallback?: string } {
  const door = libc();
  if (door) return { source: kernelSource(createEthtool(door)) };
  return { source: programSource(), fallback: whyNoLibc() };
}
