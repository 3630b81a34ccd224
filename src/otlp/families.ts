import { equalLabels, type Family, type Labels, labelsKey, type MetricType, makeLabels, type Series } from '#metrics';
import type { HistogramPoint, MetricPlan, NumberPoint, SummaryPoint } from './plan.ts';
import type { Identity } from './resource.ts';
import { ucum } from './units.ts';

/** Gathers the series of one target and scope into metrics. */
export interface Families {
  add(index: number, series: Series, identity: Identity): void;
  /** In the order in which the metrics came. */
  finish(): { metrics: MetricPlan[]; flattened: number };
}

type AddStart = (watch: number, created: number) => number;

interface Member {
  readonly index: number;
  readonly identity: Identity;
}

/** The series of a histogram or summary that share everything but the suffix and `le` or `quantile`. */
interface Group {
  readonly attributes: Labels;
  readonly members: Member[];
  count: number;
  sum: number;
  created: number;
  /** Buckets or quantiles. */
  readonly parts: { at: number; index: number }[];
  /** Something in it has no place there. */
  odd: boolean;
}

interface Draft {
  readonly family: Family;
  readonly name: string;
  readonly plain: Member[];
  readonly native: Member[];
  readonly groups: Map<string, Group>;
  /** Series of one group mostly stand together. */
  last: Group | undefined;
}

export function createFamilies(addStart: AddStart): Families {
  const drafts = new Map<Family, Map<string, Draft>>();
  const created = new Map<Family, Map<string, Member>>();
  const metrics: MetricPlan[] = [];
  let flattened = 0;

  function draftOf(family: Family, name: string): Draft {
    const named = drafts.get(family) ?? new Map<string, Draft>();
    drafts.set(family, named);
    const draft = named.get(name) ?? { family, name, plain: [], native: [], groups: new Map(), last: undefined };
    named.set(name, draft);
    return draft;
  }

  function numbers(
    family: Family,
    name: string,
    type: MetricType,
    monotonic: boolean,
    members: readonly Member[],
  ): void {
    const points = members.map(({ index, identity: { attributes } }): NumberPoint => {
      const start = monotonic ? addStart(index, claimCreated(created.get(family), attributes)) : -1;
      return { attributes, value: index, start };
    });
    const data = monotonic || type === 'info' || type === 'stateset' ? 'sum' : 'gauge';
    metrics.push({ name, description: family.help, unit: ucum(family.unit), type, data, monotonic, points });
  }

  /** What cannot form a point of its own type goes as single numbers under the series' own names. */
  function flatten(family: Family, members: readonly Member[]): void {
    const label = family.type === 'summary' ? 'quantile' : 'le';
    const named = new Map<string, Member[]>();
    for (const { index, identity } of members) {
      flattened++;
      const same = named.get(identity.name) ?? [];
      named.set(identity.name, same);
      same.push({ index, identity: { ...identity, attributes: putBack(identity, label) } });
    }
    for (const [name, same] of named) {
      const monotonic = /_(?:bucket|count)$/.test(name);
      numbers(family, name, monotonic ? 'counter' : 'unknown', monotonic, same);
    }
  }

  function composed(draft: Draft): void {
    const { family, name, groups } = draft;
    const base = { name, description: family.help, unit: ucum(family.unit), type: family.type };
    const histogram = family.type === 'histogram';
    const points: (HistogramPoint | SummaryPoint)[] = [];
    const rest: Member[] = [];
    for (const group of groups.values()) {
      const point = histogram ? histogramPoint(group, addStart) : summaryPoint(group, addStart);
      if (point) points.push(point);
      else for (const member of group.members) rest.push(member);
    }
    if (points.length) {
      metrics.push(
        histogram
          ? { ...base, data: 'histogram', points: points as HistogramPoint[] }
          : { ...base, data: 'summary', points: points as SummaryPoint[] },
      );
    }
    if (rest.length) flatten(family, rest);
  }

  function natives({ family, name, native }: Draft): void {
    const points = native.map(({ index, identity: { attributes } }) => {
      // What a gauge counts goes up and down, and so began at no time.
      const start = family.type === 'gaugehistogram' ? -1 : addStart(index, -1);
      return { attributes, index, start };
    });
    const base = { name, description: family.help, unit: ucum(family.unit), type: family.type };
    metrics.push({ ...base, data: 'native', points });
  }

  return {
    add(index, { family, native }, identity) {
      const member = { index, identity };
      if (native) draftOf(family, identity.name).native.push(member);
      else if (family.type === 'histogram' || family.type === 'summary') {
        const { part, base } = partOf(family.type, identity);
        put(groupOf(draftOf(family, base), identity.attributes), part, member);
      } else if (family.type === 'counter' && identity.name === `${family.name}_created`) {
        const known = created.get(family) ?? new Map<string, Member>();
        created.set(family, known.set(labelsKey(identity.attributes), member));
      } else draftOf(family, identity.name).plain.push(member);
    },
    finish() {
      for (const [family, named] of drafts) {
        for (const draft of named.values()) {
          if (draft.plain.length) numbers(family, draft.name, family.type, family.type === 'counter', draft.plain);
          if (draft.groups.size) composed(draft);
          if (draft.native.length) natives(draft);
        }
      }
      // A `_created` without its counter is a number like any other.
      for (const [family, left] of created) {
        if (left.size) numbers(family, `${family.name}_created`, 'unknown', false, [...left.values()]);
      }
      return { metrics, flattened };
    },
  };
}

function claimCreated(created: Map<string, Member> | undefined, attributes: Labels): number {
  if (!created?.size) return -1;
  const key = labelsKey(attributes);
  const found = created.get(key);
  created.delete(key);
  return found ? found.index : -1;
}

function groupOf(draft: Draft, attributes: Labels): Group {
  if (draft.last && equalLabels(draft.last.attributes, attributes)) return draft.last;
  const key = labelsKey(attributes);
  const group =
    draft.groups.get(key) ??
    ({ attributes, members: [], count: -1, sum: -1, created: -1, parts: [], odd: false } satisfies Group);
  draft.groups.set(key, group);
  draft.last = group;
  return group;
}

type Part = 'piece' | 'sum' | 'count' | 'created' | 'odd';

/** What a series is in its histogram or summary; a piece is a bucket or a quantile. */
function partOf(type: MetricType, { name, taken }: Identity): { part: Part; base: string } {
  if (type === 'summary' && taken !== undefined) return { part: 'piece', base: name };
  const suffix = /_(bucket|sum|count|created)$/.exec(name);
  if (!suffix) return { part: 'odd', base: name };
  const base = name.slice(0, suffix.index);
  if (suffix[1] === 'bucket') return { part: type === 'histogram' ? 'piece' : 'odd', base };
  return { part: taken === undefined ? (suffix[1] as Part) : 'odd', base };
}

function put(group: Group, part: Part, member: Member): void {
  const { index, identity } = member;
  group.members.push(member);
  if (part === 'piece') group.parts.push({ at: numberOf(identity.taken), index });
  else if (part === 'odd' || group[part] >= 0) group.odd = true;
  else group[part] = index;
}

/** `le` and `quantile` as Prometheus parses them. NaN for what is no number. */
function numberOf(text: string | undefined): number {
  if (text === undefined || text.trim() !== text || text === '') return Number.NaN;
  if (/^[+-]?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}

/** The parts in order; undefined when the group cannot form a point: NaN and twins fail the comparison. */
function sortedParts(group: Group): { at: number; index: number }[] | undefined {
  if (group.odd) return undefined;
  const parts = [...group.parts].sort((a, b) => a.at - b.at);
  return parts.every(({ at }, i) => at >= -Infinity && (i === 0 || at > parts[i - 1]!.at)) ? parts : undefined;
}

function histogramPoint(group: Group, addStart: AddStart): HistogramPoint | undefined {
  const parts = sortedParts(group);
  const finite = parts?.filter(({ at }) => at !== Infinity);
  if (!parts || !finite) return undefined;
  const infinite = parts.length > finite.length ? parts.at(-1)!.index : -1;
  const count = group.count >= 0 ? group.count : infinite;
  if (count < 0) return undefined;
  return {
    attributes: group.attributes,
    start: addStart(count, group.created),
    count,
    sum: group.sum,
    bounds: finite.map(({ at }) => at),
    buckets: finite.map(({ index }) => index),
    infinite,
    bucketed: parts.length > 0,
  };
}

function summaryPoint(group: Group, addStart: AddStart): SummaryPoint | undefined {
  const parts = sortedParts(group);
  if (!parts || group.count < 0 || group.sum < 0) return undefined;
  return {
    attributes: group.attributes,
    start: addStart(group.count, group.created),
    count: group.count,
    sum: group.sum,
    quantiles: parts.map(({ at, index }) => ({ quantile: at, index })),
  };
}

function putBack({ attributes, taken }: Identity, label: string): Labels {
  if (taken === undefined) return attributes;
  const pairs: [string, string][] = [[label, taken]];
  for (let i = 0; i < attributes.length; i += 2) pairs.push([attributes[i]!, attributes[i + 1]!]);
  return makeLabels(pairs);
}
