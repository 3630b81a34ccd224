import {
  equalLabels,
  type Labels,
  labelMap,
  labelValue,
  METRIC_NAME,
  mergedLabels,
  type Resource,
  type Series,
  serviceAttributes,
  sortedLabels,
} from '#metrics';
import { escapeLabelName, escapeMetricName, isLabelName, isMetricName, withSuffixes } from './names.ts';
import { describedBy, isOwnInfo } from './own-info.ts';

export interface TranslateOptions {
  /** Added where a series has no label of that name. */
  externalLabels: Labels;
  /** Put before every metric name, with `_` between; '' for none. */
  namespace: string;
  /** Adds units and `_total` to names. */
  suffixes: boolean;
  /** Which resource attributes become labels of every series. */
  resourceLabels: 'none' | 'all' | 'not-service';
  /** Whether a `target_info` series tells the resource's attributes. */
  targetInfo: boolean;
  /** Puts everything under names of the classic character set, which is all that Remote Write 1.0 knows. */
  escape: boolean;
  /** The user's rules, applied last; undefined when they drop the series. */
  relabel?: ((labels: Labels) => Labels | undefined) | undefined;
}

/** From a series to the labels that it is sent with. */
export interface Translator {
  /** What goes out; undefined when the series cannot be sent because it has no name, `rule` when the user's rules or options leave it out. */
  labels(series: Series, resource: Resource): Labels | undefined | 'rule';
  /** Whether two different series could have come out the same. */
  mayCollide(series: Series): boolean;
  /** The labels of `target_info` for the source that `series` is of; undefined where there is nothing to tell. */
  targetInfo(series: Series, resource: Resource): Labels | undefined;
}

/** Names are few: each is looked at once. */
function memo(decide: (name: string) => boolean): (name: string) => boolean {
  const known = new Map<string, boolean>();
  return (name) => {
    let answer = known.get(name);
    if (answer === undefined) {
      if (known.size > 10_000) known.clear();
      answer = decide(name);
      known.set(name, answer);
    }
    return answer;
  };
}

const SERVICE = new Set(['service.name', 'service.namespace', 'service.instance.id']);

export function createTranslator(options: TranslateOptions): Translator {
  const { externalLabels, namespace, suffixes, resourceLabels, targetInfo, relabel } = options;
  /** Names stay, and labels are only added. */
  const adds = !namespace && !suffixes && resourceLabels === 'none';
  const legalLabel = memo(isLabelName);
  const legalMetric = memo(isMetricName);

  /** Asked twice for each series. */
  let asked: Series | undefined;
  let answer = false;
  function needsEscapes(series: Series): boolean {
    if (series !== asked) answer = options.escape && hasOddName(series.labels);
    asked = series;
    return answer;
  }

  function hasOddName(labels: Labels): boolean {
    for (let i = 0; i < labels.length; i += 2) {
      const name = labels[i]!;
      if (name === METRIC_NAME ? !legalMetric(labels[i + 1]!) : !legalLabel(name)) return true;
    }
    return false;
  }

  function metricName(series: Series): string {
    const own = labelValue(series.labels, METRIC_NAME);
    const name = suffixes ? withSuffixes(own, series.family) : own;
    const legal = options.escape ? escapeMetricName(name) : name;
    return namespace ? `${namespace}_${legal}` : legal;
  }

  const escaped = (labels: Labels): Map<string, string> => (options.escape ? escapedLabels(labels) : labelMap(labels));

  function addMissing(to: Map<string, string>, from: ReadonlyMap<string, string>): void {
    for (const [name, value] of from) if (!to.has(name)) to.set(name, value);
  }

  /** Those of the resource, and before them those that `job` and `instance` of its series tell. */
  function attributes({ labels }: Series, resource: Resource, skipService: boolean): Map<string, string> {
    const all = serviceAttributes(labelValue(labels, 'job'), labelValue(labels, 'instance'));
    for (const [name, value] of labelMap(resource.attributes)) all.set(name, value);
    return escaped([...all].filter(([name]) => !(skipService && SERVICE.has(name))).flat());
  }

  /** Where a source gave no `job` and `instance`, the resource's service says them. */
  function identity({ attributes: a }: Resource): Map<string, string> {
    const out = new Map<string, string>();
    const name = labelValue(a, 'service.name');
    const space = labelValue(a, 'service.namespace');
    const instance = labelValue(a, 'service.instance.id');
    if (name) out.set('job', space ? `${space}/${name}` : name);
    if (instance) out.set('instance', instance);
    return out;
  }

  const identities = new WeakMap<Resource, Labels>();
  function identityOf(resource: Resource): Labels {
    const known = identities.get(resource) ?? sortedLabels(identity(resource));
    identities.set(resource, known);
    return known;
  }

  function complete(own: Map<string, string>, series: Series, resource: Resource): Labels {
    if (resource.attributes.length) {
      addMissing(own, identity(resource));
      if (resourceLabels !== 'none') addMissing(own, attributes(series, resource, resourceLabels === 'not-service'));
    }
    addMissing(own, labelMap(externalLabels));
    return sortedLabels(own);
  }

  function translated(series: Series, resource: Resource): Labels | undefined {
    const { labels } = series;
    if (!labelValue(labels, METRIC_NAME)) return undefined;
    if (adds && !needsEscapes(series)) return withMissing(withMissing(labels, identityOf(resource)), externalLabels);
    const own = escaped(labels);
    own.set(METRIC_NAME, metricName(series));
    return complete(own, series, resource);
  }

  function ruled(labels: Labels | undefined): Labels | undefined | 'rule' {
    if (!relabel || !labels) return labels;
    const made = relabel(labels);
    if (!made) return 'rule';
    if (!labelValue(made, METRIC_NAME)) return undefined;
    return options.escape ? legalLabels(made) : made;
  }

  /** Rules cost more than all the rest: a series that stays meets them once. */
  const known = new WeakMap<Series, { resource: Resource; labels: Labels | undefined | 'rule' }>();
  function remembered(series: Series, resource: Resource): Labels | undefined | 'rule' {
    const last = known.get(series);
    if (last && equalLabels(last.resource.attributes, resource.attributes)) return last.labels;
    const labels = chosen(series, resource);
    known.set(series, { resource, labels });
    return labels;
  }

  /** `target_info` of a page tells what the resource has besides, as the one that is made would. */
  function chosen(series: Series, resource: Resource): Labels | undefined | 'rule' {
    if (!isOwnInfo(series)) return ruled(translated(series, resource));
    if (!targetInfo) return 'rule';
    return ruled(infoLabels(series, describedBy(series, resource)) ?? translated(series, resource));
  }

  function infoLabels(series: Series, resource: Resource): Labels | undefined {
    if (!targetInfo || !resource.attributes.some((name, i) => i % 2 === 0 && !SERVICE.has(name))) return undefined;
    const told = attributes(series, resource, true);
    const own = identity(resource);
    for (const name of ['job', 'instance']) {
      const value = labelValue(series.labels, name);
      if (value) own.set(name, value);
    }
    if (own.size === 0) return undefined;
    addMissing(own, told);
    own.set(METRIC_NAME, namespace ? `${namespace}_target_info` : 'target_info');
    addMissing(own, labelMap(externalLabels));
    return sortedLabels(own);
  }

  return {
    labels: relabel ? remembered : chosen,
    mayCollide: (series) => suffixes || relabel !== undefined || needsEscapes(series),
    targetInfo(series, resource) {
      const made = ruled(infoLabels(series, resource));
      return made === 'rule' ? undefined : made;
    },
  };
}

/** `labels`, and of `more` those with names that it does not have. */
function withMissing(labels: Labels, more: Labels): Labels {
  const missing: string[] = [];
  for (let i = 0; i < more.length; i += 2) {
    if (labelValue(labels, more[i]!) === '') missing.push(more[i]!, more[i + 1]!);
  }
  return mergedLabels(labels, missing);
}

/** Puts labels under legal names; values whose names come out the same are joined with `;`, as the Collector does. */
export function escapedLabels(labels: Labels): Map<string, string> {
  const out = new Map<string, string>();
  for (let i = 0; i < labels.length; i += 2) {
    const name = escapeLabelName(labels[i]!);
    const before = out.get(name);
    out.set(name, before === undefined ? labels[i + 1]! : `${before};${labels[i + 1]}`);
  }
  return out;
}

/** The same labels where all names are of the classic character set; else under escaped ones. */
export function legalLabels(labels: Labels): Labels {
  const isLegal = labels.every((text, i) =>
    i % 2 === 0 ? isLabelName(text) : labels[i - 1] !== METRIC_NAME || isMetricName(text),
  );
  if (isLegal) return labels;
  const own = escapedLabels(labels);
  own.set(METRIC_NAME, escapeMetricName(own.get(METRIC_NAME) ?? ''));
  return sortedLabels(own);
}
