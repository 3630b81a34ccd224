/** The shared configuration and credentials files (docs.aws.amazon.com/sdkref: "Using shared config and credentials files"). */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '#kit';

/** Settings by name, in lower case. Values may be secrets: none of them goes into a message. */
export type Profile = ReadonlyMap<string, string>;

export interface Profiles {
  /** Where they were read from, for messages. */
  readonly files: readonly string[];
  readonly byName: ReadonlyMap<string, Profile>;
}

/** More than any such file has; a line without end is not to be read into memory. */
const MAX_FILE = 4 * 1024 * 1024;

/** Both files; one that does not exist is empty. What the credentials file says wins. */
export async function readProfiles(environment: Environment, signal?: AbortSignal): Promise<Profiles> {
  const folder = join(environment.HOME || homedir(), '.aws');
  const config = environment.AWS_CONFIG_FILE || join(folder, 'config');
  const credentials = environment.AWS_SHARED_CREDENTIALS_FILE || join(folder, 'credentials');
  const byName = new Map<string, Map<string, string>>();
  merge(byName, parseProfiles(await textOf(config, signal), 'config'));
  merge(byName, parseProfiles(await textOf(credentials, signal), 'credentials'));
  return { files: [config, credentials], byName };
}

function merge(into: Map<string, Map<string, string>>, from: Map<string, Map<string, string>>): void {
  for (const [name, settings] of from) {
    const known = into.get(name);
    if (!known) into.set(name, settings);
    else for (const [key, value] of settings) known.set(key, value);
  }
}

async function textOf(path: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    const text = await readFile(path, { encoding: 'utf8', ...(signal ? { signal } : {}) });
    return text.slice(0, MAX_FILE);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return '';
    throw new Error(`cannot read the AWS profiles in ${path}`, { cause: error });
  }
}

/**
 * Takes whatever text there is: lines that mean nothing are passed over, as the SDKs do. In the config file a profile's
 * section is `[profile NAME]` or `[default]`, in the credentials file `[NAME]`; other sections are left out.
 */
export function parseProfiles(text: string, kind: 'config' | 'credentials'): Map<string, Map<string, string>> {
  const all = new Map<string, Map<string, string>>();
  let settings: Map<string, string> | undefined;
  // Of the setting without a value that further lines may belong to.
  let indent = Number.POSITIVE_INFINITY;
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line.trim() === '' || /^\s*[#;]/.test(line)) continue;
    if (line.startsWith('[')) {
      const name = sectionName(line, kind);
      settings = name === undefined ? undefined : (all.get(name) ?? new Map());
      if (name !== undefined && settings) all.set(name, settings);
      indent = Number.POSITIVE_INFINITY;
      continue;
    }
    const at = line.indexOf('=');
    const key = line.slice(0, Math.max(at, 0)).trim().toLowerCase();
    const own = line.length - line.trimStart().length;
    // Nested settings, of which none is of use here. Others may be indented as one likes.
    if (!settings || key === '' || own > indent) continue;
    const value = withoutComment(line.slice(at + 1)).trim();
    settings.set(key, value);
    indent = value === '' ? own : Number.POSITIVE_INFINITY;
  }
  return all;
}

function sectionName(line: string, kind: 'config' | 'credentials'): string | undefined {
  const end = line.indexOf(']');
  if (end < 0) return undefined;
  const inner = line.slice(1, end).trim();
  if (kind === 'credentials' || inner === 'default') return inner || undefined;
  return /^profile\s+(.+)$/s
    .exec(inner)?.[1]
    ?.trim()
    .replace(/^(["'])(.*)\1$/s, '$2');
}

/** A comment begins behind a blank: `=` and `#` stand in secrets. */
function withoutComment(value: string): string {
  const at = value.search(/\s[#;]/);
  return at < 0 ? value : value.slice(0, at);
}
