/** What the settings add to series on their way to the page. Once for each set: the values stay where they are. */
import {
  type Family,
  type Labels,
  labelMap,
  labelValue,
  METRIC_NAME,
  makeFamily,
  makeSeries,
  makeSet,
  type Resource,
  type Series,
  type SeriesSet,
  type Snapshot,
  seriesName,
  serviceAttributes,
  sortedLabels,
} from '#metrics';
import { withSuffixes } from '#prometheus';

export interface Dress {
  namespace: string;
  constLabels: ReadonlyMap<string, string>;
  /** Attributes of the resource become labels. */
  resourceLabels: boolean;
  /** Without service.name, service.namespace and service.instance.id, which job and instance say already. */
  excludeServiceAttributes: boolean;
  /** Add unit and type to names. */
  suffixes: boolean;
  /** Names are brought into the classic alphabet, whatever the reader takes. */
  classicNames: boolean;
}

export function dresser(dress: Dress): (snapshot: Snapshot) => Snapshot {
  const { namespace, constLabels, resourceLabels, suffixes, classicNames } = dress;
  if (!namespace && !constLabels.size && !resourceLabels && !suffixes && !classicNames) return (snapshot) => snapshot;
  const sets = new WeakMap<SeriesSet, SeriesSet>();
  const tailors = new WeakMap<Resource, (series: Series) => Series>();

  function dressed(set: SeriesSet): SeriesSet {
    const known = sets.get(set);
    if (known) return known;
    // The same series stays the same object in the next set, so that one is known to follow the other.
    const tailor = tailors.get(set.resource) ?? seriesDresser(dress, set.resource);
    tailors.set(set.resource, tailor);
    const made = makeSet(set.series.map(tailor), set.resource);
    sets.set(set, made);
    return made;
  }
  return (snapshot) => ({ ...snapshot, set: dressed(snapshot.set) });
}

function seriesDresser(dress: Dress, resource: Resource): (series: Series) => Series {
  const families = new WeakMap<Family, Family>();
  const made = new WeakMap<Series, Series>();
  const extra = extraLabels(dress, resource);
  const familyOf = (family: Family): Family => {
    const known =
      families.get(family) ?? makeFamily(nameOf(dress, family.name, family), family.type, family.help, family.unit);
    families.set(family, known);
    return known;
  };
  return (series) => {
    const known = made.get(series) ?? makeSeries(familyOf(series.family), labelsOf(dress, series, extra));
    made.set(series, known);
    return known;
  };
}

function labelsOf(dress: Dress, series: Series, extra: ReadonlyMap<string, string>): Labels {
  const labels = new Map([...serviceLabels(dress, series), ...extra]);
  // What the series itself says wins.
  for (const [name, value] of labelMap(series.labels))
    labels.set(dress.classicNames ? classicLabel(name) : name, value);
  labels.set(METRIC_NAME, nameOf(dress, seriesName(series), series.family));
  return sortedLabels(labels);
}

function nameOf({ namespace, suffixes, classicNames }: Dress, name: string, family: Family): string {
  const full = (namespace ? `${namespace}_` : '') + (suffixes ? withSuffixes(name, family) : name);
  return classicNames ? full.replace(/[^a-zA-Z0-9_:]/g, '_').replace(/^(?=\d)/, '_') : full;
}

const SERVICE = new Set(['service.name', 'service.namespace', 'service.instance.id']);

/** What `job` and `instance` say of the resource. */
function serviceLabels(dress: Dress, { labels }: Series): Map<string, string> {
  if (!dress.resourceLabels) return new Map();
  return attributeLabels(dress, serviceAttributes(labelValue(labels, 'job'), labelValue(labels, 'instance')));
}

function attributeLabels({ excludeServiceAttributes }: Dress, attributes: ReadonlyMap<string, string>) {
  const kept = [...attributes].filter(([name]) => !(excludeServiceAttributes && SERVICE.has(name)));
  return new Map(kept.map(([name, value]) => [classicLabel(name), value]));
}

function extraLabels(dress: Dress, { attributes }: Resource): Map<string, string> {
  const labels = dress.resourceLabels ? attributeLabels(dress, labelMap(attributes)) : new Map<string, string>();
  for (const [name, value] of dress.constLabels) labels.set(name, value);
  return labels;
}

/** As the Collector does it: `_` for what Prometheus did not take before version 3, `key_` before a digit. */
function classicLabel(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d)/, 'key_');
}
