/** What every command gets, and how it says that it was called wrongly. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The process as a command sees it: handed in, so that a test can hand in another. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What only `run` needs: a life that signals and uncaught errors can end. Each returns the way to end the subscription. */
  readonly life?: Life;
}

export interface Life {
  onSignal(listener: (event: 'stop' | 'reload') => void): () => void;
  onUncaught(listener: (error: unknown) => void): () => void;
}

/** Exit codes. */
export const OK = 0;
export const FAILED = 1;
export const USAGE = 2;

/** The user called the command wrongly: said in one line, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The options that name a configuration, for commands that read one. */
export const CONFIG_OPTIONS = {
  config: { type: 'string', multiple: true },
  set: { type: 'string', multiple: true },
} as const satisfies ParseArgsConfig['options'];

export const CONFIG_HELP = `  --config SOURCE   a file, file:PATH, env:NAME or yaml:TEXT; may be repeated, later ones win
  --set KEY=VALUE   sets one value, such as exporters.debug.verbosity=detailed; may be repeated
`;

/** Parses options; throws a UsageError for what is not one. */
export function readArgs<T extends NonNullable<ParseArgsConfig['options']>>(args: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError((error as Error).message.split('. To specify')[0]!);
  }
}

export interface ConfigArgs {
  readonly configs: readonly string[];
  readonly sets: readonly string[];
}

/** The configuration that the options name; throws a UsageError when they name none. */
export function configArgs({ config, set }: { config?: string[]; set?: string[] }): ConfigArgs {
  if (!config?.length) throw new UsageError('needs --config FILE');
  const wrong = set?.find((text) => text.indexOf('=') < 1);
  if (wrong !== undefined) throw new UsageError('--set must be KEY=VALUE');
  return { configs: config, sets: set ?? [] };
}
