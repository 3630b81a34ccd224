import type { Steps } from '#kit';
import {
  createPageParser,
  createProtobufParser,
  customBuckets,
  type PageParser,
  type ParsedPage,
  type PlanShelf,
  type ProtobufOptions,
  type ScrapeFormat,
  withCreated,
} from '../exposition/exposition.ts';

/** In which forms a target's histograms are wanted: Prometheus' three options. */
export interface HistogramForms {
  /** scrape_native_histograms */
  readonly native: boolean;
  /** always_scrape_classic_histograms */
  readonly classic: boolean;
  /** convert_classic_histograms_to_nhcb */
  readonly convert: boolean;
}

export interface ParsingParts {
  /** So many classic histograms could not be converted. */
  onUnconverted(count: number): void;
  /** Sees a text page that is not like the last one before it is read, and throws to refuse it. */
  admit?(page: Uint8Array): void;
  /** The same for protobuf pages. */
  crowd?: NonNullable<ProtobufOptions['crowd']>;
  /** What is known of the pages of targets like this one. */
  shelf?: PlanShelf;
}

/** A parser for one target's pages of one format. */
export function createTargetParser(
  format: ScrapeFormat,
  { native, classic, convert }: HistogramForms,
  { onUnconverted: onRefused, admit, crowd, shelf }: ParsingParts,
): PageParser {
  const parser =
    format === 'protobuf'
      ? createProtobufParser({ native, classic, ...(crowd ? { crowd } : {}) })
      : createPageParser({ format, exemplars: format === 'openmetrics', ...(admit ? { admit } : {}) }, shelf);
  if (!convert && format !== 'openmetrics') return parser;
  const converted = convert ? customBuckets({ classic, gauges: format === 'protobuf', onRefused }) : undefined;
  const finished = (page: ParsedPage): ParsedPage => {
    const dated = format === 'openmetrics' ? withCreated(page) : page;
    return converted ? converted(dated) : dated;
  };
  function* later(steps: Steps<ParsedPage>): Steps<ParsedPage> {
    return finished(yield* steps);
  }
  return {
    parse: (body) => finished(parser.parse(body)),
    begin(body) {
      const begun = parser.begin?.(body) ?? parser.parse(body);
      return 'layout' in begun ? finished(begun) : later(begun);
    },
  };
}
