import { components } from '../components.ts';
import { readConfig } from '../config/read.ts';
import { redactedPlain } from '../config/redact.ts';
import { writeYaml } from '../config/yaml.ts';
import { CONFIG_OPTIONS, configArgs, FAILED, type Io, OK, readArgs, UsageError } from './io.ts';

const OPTIONS = { ...CONFIG_OPTIONS, format: { type: 'string' }, mode: { type: 'string' } } as const;

/** `dnscol print-config`: the configuration merged and expanded, as the components get it, secrets redacted. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const options = readArgs(args, OPTIONS);
  const { format = 'yaml', mode = 'redacted' } = options;
  if (format !== 'yaml' && format !== 'json') throw new UsageError('--format must be yaml or json');
  if (mode !== 'redacted') throw new UsageError('--mode must be redacted: secrets are never printed');
  const { ok, resolved, report, warnings } = await readConfig({ ...configArgs(options), env: io.env }, components);
  io.stderr.write(warnings + report);
  if (!ok) return FAILED;
  const plain = redactedPlain(resolved.tree, resolved.secrets);
  io.stdout.write(format === 'yaml' ? writeYaml(plain) : `${JSON.stringify(plain, jsonNumber, 2)}\n`);
  return OK;
}

const jsonNumber = (_key: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);
