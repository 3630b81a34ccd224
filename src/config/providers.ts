/** What stands behind `${scheme:…}` and `--config scheme:…`: environment variables, files and YAML text. */
import { type ParsedYaml, parseYaml } from './yaml.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file; rejects as node:fs does. */
  readFile(path: string): Promise<string>;
}

/** A scheme and what follows its colon. */
export interface Uri {
  readonly scheme: string;
  readonly rest: string;
}

/** At least two letters of scheme, so that `C:\agent.yaml` is a path. */
export function parseUri(text: string): Uri | undefined {
  const match = /^([A-Za-z][A-Za-z0-9+.-]+):(.*)$/s.exec(text);
  return match ? { scheme: match[1]!, rest: match[2]! } : undefined;
}

export interface Retrieved {
  readonly scheme: 'env' | 'file' | 'yaml';
  readonly text: string;
  /** How its places are called; also where its text is found for excerpts. */
  readonly file: string;
  readonly parsed: ParsedYaml;
  /** For the user, where something is odd but not wrong. */
  readonly warning?: string;
  /** There is no such variable: nothing, rather than an empty text. */
  readonly unset?: boolean;
}

const ENV_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Rejects with a sentence for the user. It quotes `uri`, so that must not hold what another expansion gave. */
export async function retrieve(uri: Uri, around: Surroundings): Promise<Retrieved> {
  switch (uri.scheme) {
    case 'env':
      return fromEnv(uri.rest, around);
    case 'file':
      return fromFile(uri.rest, around);
    case 'yaml':
      return { scheme: 'yaml', text: uri.rest, file: 'yaml:', parsed: parseYaml(uri.rest, 'yaml:') };
    case 'http':
    case 'https':
      throw new Error(`${uri.scheme} is not supported: configuration is not read over the network; use a file`);
    default:
      throw new Error(
        `scheme "${uri.scheme}" is not supported for uri "${uri.scheme}:${uri.rest}"; use env, file or yaml`,
      );
  }
}

function fromEnv(rest: string, { env }: Surroundings): Retrieved {
  const at = rest.indexOf(':-');
  const name = at < 0 ? rest : rest.slice(0, at);
  if (!ENV_NAME.test(name)) {
    const rule = 'an environment variable name must match [a-zA-Z_][a-zA-Z0-9_]*';
    throw new Error(
      `environment variable "${name}" has invalid name: ${rule}; a literal one is written with two dollars`,
    );
  }
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  const text = value ?? (at < 0 ? '' : rest.slice(at + 2));
  const file = `env:${name}`;
  const made: Retrieved = { scheme: 'env', text, file, parsed: parseYaml(text, file) };
  if (value !== undefined || at >= 0) return made;
  return { ...made, unset: true, warning: `environment variable "${name}" is not set` };
}

async function fromFile(path: string, { readFile }: Surroundings): Promise<Retrieved> {
  const text = await readFile(path).catch((error: unknown) => {
    throw new Error(`cannot read ${path}: ${why(error)}`, { cause: error });
  });
  return { scheme: 'file', text, file: path, parsed: parseYaml(text, path) };
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

function why(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}
