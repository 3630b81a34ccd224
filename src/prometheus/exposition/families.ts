import { type Family, type MetricType, makeFamily } from '#metrics';
import type { Keyword } from './reader.ts';

/** What a HELP, TYPE or UNIT line says. */
export interface Metadata {
  readonly keyword: Keyword;
  readonly name: string;
  readonly text: string;
  /** Of a TYPE line. */
  readonly type?: MetricType;
}

interface Known {
  type: MetricType;
  help: string;
  unit: string;
  family?: Family;
}

/** The endings that a family's series may have, by its type. A text-format counter has `_total` in its own name. */
const ENDINGS: Record<MetricType, readonly string[]> = {
  counter: ['_total', '_created'],
  gauge: [],
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount', '_sum', '_count'],
  summary: ['_sum', '_count', '_created'],
  info: ['_info'],
  stateset: [],
  unknown: [],
};

/**
 * The families of one page, as far as it has been read: which one a series belongs to by its name. Families that say the
 * same as on the page before are the same objects.
 */
export class Families {
  readonly #known = new Map<string, Known>();
  readonly #bySeries = new Map<string, Family>();
  readonly #before: ReadonlyMap<string, Family>;
  #made: Map<string, Family> | undefined;

  /** `before`: what `made` was for the page before. */
  constructor(before: ReadonlyMap<string, Family> = new Map()) {
    this.#before = before;
  }

  /** By name: what this page or one before it has; the same object when nothing came new. */
  get made(): ReadonlyMap<string, Family> {
    return this.#made ?? this.#before;
  }

  set({ keyword, name, text, type }: Metadata): void {
    let known = this.#known.get(name);
    if (known === undefined) {
      known = { type: 'unknown', help: '', unit: '' };
      this.#known.set(name, known);
    }
    if (keyword === 'HELP') known.help = text;
    else if (keyword === 'UNIT') known.unit = text;
    else known.type = type!;
    known.family = undefined;
    this.#bySeries.clear();
  }

  of(series: string): Family {
    const found = this.#bySeries.get(series);
    if (found) return found;
    const name = this.#familyName(series);
    const known = this.#known.get(name);
    const family = known?.family ?? this.#make(name, known);
    if (known) known.family = family;
    this.#bySeries.set(series, family);
    return family;
  }

  #familyName(series: string): string {
    if (this.#known.has(series)) return series;
    const cut = series.lastIndexOf('_');
    if (cut <= 0) return series;
    const base = series.slice(0, cut);
    const known = this.#known.get(base);
    return known && ENDINGS[known.type].includes(series.slice(cut)) ? base : series;
  }

  #make(name: string, known: Known | undefined): Family {
    const { type, help, unit } = known ?? { type: 'unknown', help: '', unit: '' };
    const last = this.made.get(name);
    if (last && last.type === type && last.help === help && last.unit === unit) return last;
    const family = makeFamily(name, type, help, unit);
    this.#made ??= new Map(this.#before);
    this.#made.set(name, family);
    return family;
  }
}
