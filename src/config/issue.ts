import type { ConfigNode, Place } from './node.ts';

/** Something for the user to mend. Data, not an exception: all of them are reported at once. */
export interface Issue {
  /** `receivers.dnsmasq.sampling_intervl`, or '' for the whole. */
  readonly path: string;
  /** Without the path: `is not an option; did you mean sampling_interval?`. Never holds a secret's value. */
  readonly message: string;
  readonly place: Place;
  readonly severity?: 'error' | 'warning';
  /** The value could not be read at all, so that a complaint about what it lacks would only repeat this one. */
  readonly unread?: boolean;
}

/** Collects issues while a schema reads. */
export interface Report {
  issue(path: string, message: string, place: Place): void;
  warn(path: string, message: string, place: Place): void;
  /** This node holds a secret: nothing of it may be shown. */
  secret?(node: ConfigNode): void;
  /** This option names a component that must be configured; its kind and id, and what it must be able to do. */
  reference?(path: string, kind: 'extension', id: string, place: Place, need?: 'storage'): void;
}

/** Thrown by what cannot go on with a bad configuration. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly issues: readonly Issue[];
  constructor(issues: readonly Issue[]) {
    super(issues.map((i) => `${i.path}: ${i.message}`).join('\n'));
    this.issues = issues;
  }
}

/** `; did you mean X?` for the candidate nearest to `got`, or ''. */
export function didYouMean(got: string, candidates: Iterable<string>): string {
  let best = '';
  let least = Math.max(2, Math.floor(got.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(got.toLowerCase(), candidate.toLowerCase(), least);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best && `; did you mean ${best}?`;
}

/** Optimal string alignment distance, given up at `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit || a.length > 200) return limit;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
      }
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
