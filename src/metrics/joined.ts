import { compareBytes, type Labels } from './labels.ts';
import type { Family, Series } from './series.ts';

/**
 * A series whose labels are those of its own and those that all series of its source share. Only the two parts are kept,
 * and many series may share either: the replicas of a program show the same pages. The whole is made whenever it is asked
 * for, which is when something is derived from a set, not when values flow. No name may be in both parts.
 */
export function makeJoinedSeries(family: Family, own: Labels, common: Labels): Series {
  return new JoinedSeries(family, own, common);
}

/** Asked for again and again by whoever looks at one series after the other. */
let last: JoinedSeries | undefined;
let lastLabels: Labels;

class JoinedSeries implements Series {
  readonly family: Family;
  readonly #own: Labels;
  readonly #common: Labels;

  constructor(family: Family, own: Labels, common: Labels) {
    this.family = family;
    this.#own = own;
    this.#common = common;
    Object.freeze(this);
  }

  get labels(): Labels {
    if (this !== last) {
      lastLabels = mergedLabels(this.#own, this.#common);
      last = this;
    }
    return lastLabels;
  }
}
// As a plain object's would be: comparisons look at it.
Object.defineProperty(JoinedSeries.prototype, 'labels', { enumerable: true });

/** Labels from two lists that have no name in common. */
export function mergedLabels(a: Labels, b: Labels): Labels {
  if (b.length === 0) return a;
  if (a.length === 0) return b;
  const flat: string[] = new Array(a.length + b.length);
  let i = 0;
  let j = 0;
  for (let at = 0; at < flat.length; at += 2) {
    const first = j === b.length || (i < a.length && compareBytes(a[i]!, b[j]!) < 0);
    flat[at] = first ? a[i]! : b[j]!;
    flat[at + 1] = first ? a[i + 1]! : b[j + 1]!;
    if (first) i += 2;
    else j += 2;
  }
  return Object.freeze(flat);
}

/** `labels` without all of `part`, or undefined when it does not have all of it. */
export function labelsWithout(labels: Labels, part: Labels): Labels | undefined {
  if (part.length === 0) return labels;
  const flat: string[] = [];
  let j = 0;
  for (let i = 0; i < labels.length; i += 2) {
    if (labels[i] === part[j] && labels[i + 1] === part[j + 1]) j += 2;
    else flat.push(labels[i]!, labels[i + 1]!);
  }
  // A copy has no room to grow.
  return j === part.length ? Object.freeze(flat.slice()) : undefined;
}

/** A number that equal labels share, and others seldom do. FNV-1a over UTF-16 units; ends of names and values count. */
export function labelsHash(labels: Labels): number {
  let h = 0x811c9dc5;
  for (const part of labels) {
    for (let i = 0; i < part.length; i++) h = Math.imul(h ^ part.charCodeAt(i), 0x01000193);
    h = Math.imul(h ^ 0x10000, 0x01000193);
  }
  return h >>> 0;
}
