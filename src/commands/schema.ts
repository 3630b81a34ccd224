import { components } from '../components.ts';
import { wholeSchema } from '../config/json-schema.ts';
import { type Io, OK, readArgs } from './io.ts';

/** `dnscol schema`: the JSON Schema of the whole YAML, for editors. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  readArgs(args, {});
  io.stdout.write(`${JSON.stringify(await wholeSchema(components), null, 2)}\n`);
  return OK;
}
