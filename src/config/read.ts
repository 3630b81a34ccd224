/** The whole way from command-line arguments to a resolved configuration and its report. */
import { open } from 'node:fs/promises';
import type { Components } from './factories.ts';
import { formatIssues } from './format.ts';
import { loadConfig } from './load.ts';
import { type Resolved, resolveConfig } from './resolve.ts';

export interface ConfigSources {
  /** Values of `--config` and `--set`, in their order. */
  readonly configs: readonly string[];
  readonly sets: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface ReadConfig {
  readonly ok: boolean;
  readonly resolved: Resolved;
  /** Every issue with its source line, for standard error; empty when all is well. */
  readonly report: string;
  readonly warnings: string;
  /** Files to watch. */
  readonly files: readonly string[];
}

export async function readConfig(sources: ConfigSources, components: Components): Promise<ReadConfig> {
  const loaded = await loadConfig(sources.configs, sources.sets, { env: sources.env, readFile: readText });
  const resolved = await resolveConfig(loaded, components);
  return {
    ok: resolved.issues.length === 0,
    resolved,
    report: formatIssues(resolved.issues, resolved.excerpts),
    warnings: formatIssues(resolved.warnings, resolved.excerpts),
    files: loaded.files,
  };
}

/** A little more than a configuration may have, so that a device or a huge file is refused and not read to its end. */
const LIMIT = 1024 * 1024 + 4096;

async function readText(path: string): Promise<string> {
  const file = await open(path);
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    while (size < LIMIT) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536), 0, 65_536, null);
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      size += bytesRead;
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    await file.close();
  }
}
