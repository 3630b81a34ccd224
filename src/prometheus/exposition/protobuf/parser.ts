import type { PageParser } from '../parser.ts';
import { ProtobufError } from './cursor.ts';
import type { KnownPage } from './known.ts';
import { PageReader } from './page.ts';

export interface ProtobufOptions {
  /** Native histograms are given; without it every histogram is read as a classic one. */
  readonly native: boolean;
  /** Buckets that stand beside a native histogram are given too. */
  readonly classic: boolean;
  /** The most samples that a page may have, and what is thrown for one with more. */
  readonly crowd?: { readonly most: number; refusal(samples: number): Error };
}

/**
 * A parser for one source's pages in `application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily;
 * encoding=delimited`, with the promises of a PageParser. What has the same bytes as on the page before is not read again,
 * and a metric with other numbers keeps its samples. Throws a ProtobufError.
 */
export function createProtobufParser(options: ProtobufOptions): PageParser {
  let known: KnownPage | undefined;
  return {
    parse(body) {
      const reader = new PageReader(body, options, known);
      try {
        const { page, known: now } = reader.run();
        known = now;
        return page;
      } catch (error) {
        if (!(error instanceof ProtobufError)) throw error;
        throw new ProtobufError(error.at, `${reader.where}${error.what}`, reader.samples());
      }
    },
  };
}
