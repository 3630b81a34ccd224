import { components } from '../components.ts';
import { readConfig } from '../config/read.ts';
import { CONFIG_OPTIONS, configArgs, FAILED, type Io, OK, readArgs } from './io.ts';

/** `dnscol validate`: everything that can be known about a configuration without starting it or touching the network. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { ok, report, warnings } = await readConfig(
    { ...configArgs(readArgs(args, CONFIG_OPTIONS)), env: io.env },
    components,
  );
  io.stderr.write(warnings + report);
  return ok ? OK : FAILED;
}
