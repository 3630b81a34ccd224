import type { MetricType } from '#metrics';
import { parseFloatText } from './number.ts';
import type { Keyword } from './reader.ts';
import type { Rules, StrictSample } from './strict.ts';

interface Family {
  help: boolean;
  type: MetricType | undefined;
}

/** The text format as prometheus/common's expfmt holds it: one HELP and one TYPE a family, TYPE before samples. */
export class TextRules implements Rules {
  readonly #families = new Map<string, Family>();

  metadata(keyword: Keyword, name: string, _text: string, type: MetricType | undefined): string | undefined {
    const family = this.#family(name);
    if (keyword === 'HELP') {
      if (family.help) return `no second HELP for ${name}`;
      family.help = true;
    } else {
      if (family.type !== undefined) return `no second TYPE for ${name}, and none after its samples`;
      family.type = type;
    }
    return undefined;
  }

  sample({ name, labels, value }: StrictSample): string | undefined {
    const family = this.#family(name);
    family.type ??= 'unknown';
    const bound = BOUNDS[family.type];
    if (bound === undefined) return undefined;
    const text = labels.get(bound);
    if (text !== undefined && parseFloatText(text) === undefined) return `a number as the value of ${bound}`;
    const counts = bound === 'le' && (name.endsWith('_count') || text !== undefined);
    return counts && value < 0 ? 'no negative count in a histogram' : undefined;
  }

  end(): undefined {}

  #family(name: string): Family {
    const made = { help: false, type: undefined };
    const family = this.#families.get(name) ?? this.#parent(name, SUMMARY) ?? this.#parent(name, HISTOGRAM) ?? made;
    if (family === made) this.#families.set(name, family);
    return family;
  }

  /** The summary or histogram that `name_sum` and its like belong to. */
  #parent(name: string, { types, endings }: typeof SUMMARY): Family | undefined {
    const cut = name.lastIndexOf('_');
    const family = this.#families.get(name.slice(0, cut));
    const belongs = cut > 0 && family?.type !== undefined && endings.includes(name.slice(cut));
    return belongs && types.includes(family.type!) ? family : undefined;
  }
}

const BOUNDS: Partial<Record<MetricType, string>> = { summary: 'quantile', histogram: 'le', gaugehistogram: 'le' };
const SUMMARY = { types: ['summary'], endings: ['_sum', '_count'] };
const HISTOGRAM = { types: ['histogram', 'gaugehistogram'], endings: ['_sum', '_count', '_bucket'] };
