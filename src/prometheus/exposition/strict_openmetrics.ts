import type { MetricType } from '#metrics';
import { labelKey } from './labels.ts';
import type { Keyword } from './reader.ts';
import type { Rules, StrictSample } from './strict.ts';
import { histogramFault } from './strict_histogram.ts';
import { sampleFault } from './strict_samples.ts';

/** The endings that the samples of each type have. */
const ENDINGS: Record<MetricType, readonly string[]> = {
  counter: ['_total', '_created'],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['', '_sum', '_count', '_created'],
  info: ['_info'],
  stateset: [''],
  unknown: [''],
};

/** A metric family being read. */
interface Open {
  readonly name: string;
  type: MetricType | undefined;
  help: boolean;
  unit: string | undefined;
  readonly samples: StrictSample[];
  /** The metrics (label sets) that have had samples. */
  readonly groups: Set<string>;
  group: string;
  /** The series that have been seen at the last timestamp of the last group. */
  readonly series: Set<string>;
}

/** What the OpenMetrics 1.0 specification asks of the order and the values of samples. */
export class OpenMetricsRules implements Rules {
  readonly #names = new Set<string>();
  #open: Open | undefined;

  metadata(keyword: Keyword, name: string, text: string, type: MetricType | undefined): string | undefined {
    if (this.#open?.name !== name) {
      const fault = this.#start(name);
      if (fault !== undefined) return fault;
    }
    const open = this.#open!;
    if (open.samples.length > 0) return `no ${keyword} after the samples of ${name}`;
    const given = keyword === 'HELP' ? open.help : (keyword === 'TYPE' ? open.type : open.unit) !== undefined;
    if (given) return `no second ${keyword} for ${name}`;
    if (keyword === 'HELP') open.help = true;
    else if (keyword === 'TYPE') open.type = type;
    else open.unit = text;
    return undefined;
  }

  sample(sample: StrictSample): string | undefined {
    if (!this.#open || !endings(this.#open).some((ending) => this.#open!.name + ending === sample.name)) {
      const fault = this.#start(sample.name);
      if (fault !== undefined) return fault;
    }
    const open = this.#open!;
    return sampleFault(open.name, open.type ?? 'unknown', sample) ?? addToGroup(open, sample);
  }

  end(): string | undefined {
    return this.#close();
  }

  #start(name: string): string | undefined {
    const fault = this.#close();
    this.#open = {
      name,
      type: undefined,
      help: false,
      unit: undefined,
      samples: [],
      groups: new Set(),
      group: '',
      series: new Set(),
    };
    return fault;
  }

  /** What can only be told once a family is complete. */
  #close(): string | undefined {
    const open = this.#open;
    if (!open) return undefined;
    for (const ending of new Set([...endings(open), ''])) {
      if (this.#names.has(open.name + ending))
        return `no second family with the name ${open.name}${ending} before this line`;
      this.#names.add(open.name + ending);
    }
    if (open.unit && (open.type === 'info' || open.type === 'stateset'))
      return `no unit for ${open.name} before this line`;
    if (open.type === 'histogram' || open.type === 'gaugehistogram') return histogramFault(open.name, open.samples);
    return undefined;
  }
}

function endings(open: Open): readonly string[] {
  return ENDINGS[open.type ?? 'unknown'];
}

/** The samples of a metric stand together, all or none with timestamps, and these never go back. */
function addToGroup(open: Open, sample: StrictSample): string | undefined {
  const group = groupOf(open.name, open.type, sample);
  const last = open.samples.at(-1);
  const goesOn = last !== undefined && group === open.group;
  if (!goesOn && open.groups.has(group)) return 'the samples of a metric to stand together';
  if (goesOn && Number.isNaN(last.timestamp) !== Number.isNaN(sample.timestamp)) {
    return 'all samples of a metric to have a timestamp, or none';
  }
  if (goesOn && sample.timestamp < last.timestamp && open.type !== 'info') return 'timestamps that do not go back';
  if (!goesOn || !Object.is(last.timestamp, sample.timestamp)) open.series.clear();
  const series = sample.name + labelKey(sample.labels);
  const again = open.series.has(series);
  if (again && Number.isNaN(sample.timestamp)) return 'each series once';
  open.series.add(series);
  open.groups.add(group);
  open.group = group;
  // Of samples that differ only below a timestamp's resolution the first one counts.
  if (!again) open.samples.push(sample);
  return undefined;
}

function groupOf(name: string, type: MetricType | undefined, sample: StrictSample): string {
  if (type === 'info') return '';
  const isBucket = sample.name === `${name}_bucket` && (type === 'histogram' || type === 'gaugehistogram');
  if (isBucket) return labelKey(sample.labels, 'le');
  if (type === 'summary' && sample.name === name) return labelKey(sample.labels, 'quantile');
  return labelKey(sample.labels, type === 'stateset' ? name : undefined);
}
