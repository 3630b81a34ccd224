import { findHierarchies, globDirectories, type Hierarchy, type HostRoot, matchesGlob } from '#linux';
import { type Source, V1_SOURCES, V2_SOURCES } from './files.ts';

/** One thing to read: a source and the folder that its file is in. */
export interface Reading {
  readonly folder: string;
  readonly source: Source;
}

/** What there is to read of one cgroup. `key` changes when the hierarchies that know it do. */
export interface Found {
  readonly path: string;
  readonly key: string;
  readings(): Reading[];
}

/** The trees that have numbers for us: version 2, and those of version 1 with a controller that we know. */
export function usefulHierarchies(root: HostRoot): Hierarchy[] {
  return findHierarchies(root).filter((one) => one.version === 2 || one.controllers.some((c) => V1_SOURCES[c]));
}

/**
 * The cgroups that match, in the order of the patterns. One path in several hierarchies is one cgroup: version 1 spreads
 * it over them.
 */
export function* findCgroups(
  root: HostRoot,
  hierarchies: readonly Hierarchy[],
  patterns: readonly string[],
  exclude: readonly string[],
): Generator<Found> {
  const paths = new Map<string, Hierarchy[]>();
  for (const pattern of patterns) {
    for (const hierarchy of hierarchies) {
      for (const path of globDirectories(root, hierarchy.mount, pattern)) {
        const known = paths.get(path);
        if (!known) paths.set(path, [hierarchy]);
        else if (!known.includes(hierarchy)) known.push(hierarchy);
      }
    }
  }
  for (const [path, within] of paths) {
    if (exclude.some((pattern) => matchesGlob(pattern, path))) continue;
    yield { path, key: within.map((h) => h.mount).join(), readings: () => readingsOf(path, within) };
  }
}

function readingsOf(path: string, hierarchies: readonly Hierarchy[]): Reading[] {
  const hasV2 = hierarchies.some((one) => one.version === 2);
  return hierarchies.flatMap((hierarchy) => {
    const folder = `${hierarchy.mount}${path === '/' ? '' : path}`;
    // In a hybrid layout both versions know the CPU time; version 2 always does, and more exactly.
    const controllers = hierarchy.controllers.filter((c) => !(hasV2 && c === 'cpuacct'));
    const sources = hierarchy.version === 2 ? V2_SOURCES : controllers.flatMap((c) => V1_SOURCES[c] ?? []);
    return sources.map((source) => ({ folder, source }));
  });
}
