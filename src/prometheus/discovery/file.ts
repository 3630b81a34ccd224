import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname } from 'node:path';
import type { Clock } from '#clock';
import type { Counter, Logger } from '#component';
import * as s from '#config';
import type { FileSdConfig } from '../config/scrape.ts';
import { globLast } from './glob.ts';
import { type Discovery, groupSchema, type TargetGroup, toGroup, type WrittenGroup, writtenGroup } from './groups.ts';

export interface FileDiscoveryParts {
  clock: Clock;
  log: Logger;
  /** Counts files that could not be read. */
  readErrors: Counter;
}

/** Changes come in bursts: write, rename, chmod. They are looked at together. Milliseconds. */
const SETTLE = 100;

const yamlGroups = s.list(writtenGroup);
// Go's JSON decoder, unlike its YAML decoder, takes no number for a string.
const jsonGroups = s.list(groupSchema(s.string()));

/** What one file held when it was last good. */
interface Known {
  text: string;
  groups: readonly TargetGroup[];
  /** What was wrong with the file since, said once. */
  fault?: string;
}

/**
 * Target groups in JSON or YAML files (Prometheus' file_sd_config): read at start, when their folder changes, and at each
 * refresh, which is what counts where watching does not work. A file that cannot be read keeps its last good targets, is
 * reported once and counted each time; a file that is gone takes its targets along.
 */
export function fileDiscovery(config: FileSdConfig, { clock, log, readErrors }: FileDiscoveryParts): Discovery {
  const files = new Map<string, Known>();
  const watchers = new Map<string, FSWatcher>();
  let update: (groups: readonly TargetGroup[]) => void = () => {};
  let stopped = false;
  let underWay: Promise<void> = Promise.resolve();
  let cancelRefresh = () => {};
  let cancelSettle = () => {};

  /** One look at a time, in order. */
  function look(always = false): Promise<void> {
    underWay = underWay.then(() => refresh(always));
    return underWay;
  }

  async function refresh(always: boolean): Promise<void> {
    if (stopped) return;
    watchFolders();
    const paths = new Set((await Promise.all(config.files.map(globLast))).flat());
    let changed = always;
    for (const path of paths) changed = (await readOne(path)) || changed;
    for (const path of [...files.keys()]) {
      if (!paths.has(path)) changed = files.delete(path) || changed;
    }
    if (changed && !stopped) update([...files.values()].flatMap((known) => known.groups));
  }

  /** True when the file's groups are not what they were. */
  async function readOne(path: string): Promise<boolean> {
    const known = files.get(path);
    try {
      const text = await readFile(path, 'utf8');
      if (known && known.text === text && !known.fault) return false;
      files.set(path, { text, groups: readGroups(text, path) });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return files.delete(path);
      readErrors.add(1);
      const fault = error instanceof Error ? error.message : String(error);
      if (known?.fault !== fault)
        log.error('cannot read a file of targets; its last good targets stay', { path, error });
      files.set(path, { text: known?.text ?? '', groups: known?.groups ?? [], fault });
      return false;
    }
  }

  /** A folder that cannot be watched, or is not there yet, is tried again at the next refresh. */
  function watchFolders(): void {
    for (const folder of new Set(config.files.map((path) => dirname(path)))) {
      if (watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, soon);
        watchers.set(folder, watcher);
        watcher.on('error', (error) => {
          log.debug('watching a folder of target files failed', { folder, error });
          watcher.close();
          watchers.delete(folder);
        });
      } catch (error) {
        log.debug('cannot watch a folder of target files', { folder, error });
      }
    }
  }

  function soon(): void {
    cancelSettle();
    if (!stopped) cancelSettle = clock.after(SETTLE, () => void look());
  }

  function schedule(): void {
    cancelRefresh = clock.after(config.refresh_interval || 300_000, () => {
      schedule();
      void look();
    });
  }

  return {
    async start(receive) {
      update = receive;
      schedule();
      await look(true);
      const missing = config.files.filter(
        (path) => ![...files.keys()].some((file) => file === path) && !/[*?[]/.test(path),
      );
      if (missing.length > 0) log.warn('files of targets are not there yet', { files: missing });
    },
    async stop() {
      stopped = true;
      cancelRefresh();
      cancelSettle();
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
      await underWay;
    },
  };
}

/** The groups of one file. Throws a sentence that says what is wrong where. */
export function readGroups(text: string, path: string): TargetGroup[] {
  const json = extname(path).toLowerCase() === '.json';
  const written = json ? jsonTargetGroups(text) : yamlTargetGroups(text, path);
  return written.map((group, i) => toGroup(group, `${path}:${i}`, [['__meta_filepath', path]]));
}

/** Groups as file_sd and http_sd have them in JSON. Throws a sentence that says what is wrong. */
export function jsonTargetGroups(text: string): WrittenGroup[] {
  return readList(jsonGroups, s.nodeOf(JSON.parse(text)), [], () => '');
}

function yamlTargetGroups(text: string, path: string): WrittenGroup[] {
  const { root, issues } = s.parseYaml(text, path);
  return readList(yamlGroups, root, issues, ({ line, column }) => `${path}:${line}:${column}: `);
}

function readList(
  schema: s.Schema<WrittenGroup[]>,
  root: s.ConfigNode | undefined,
  faults: readonly s.Issue[],
  where: (place: s.Place) => string,
): WrittenGroup[] {
  const issues = [...faults];
  const report: s.Report = {
    issue: (path, message, place) => issues.push({ path, message, place }),
    warn: () => {},
  };
  const written = root === undefined ? [] : schema.read(root, '', report);
  const first = issues[0];
  if (written !== s.INVALID && !first) return written;
  if (!first) throw new Error('is not a list of target groups');
  throw new Error(`${where(first.place)}${first.path ? `${first.path}: ` : ''}${first.message}`);
}
