import type { Clock } from '#clock';
import { BodyTooLargeError, type HttpClient, type HttpResponse } from '#http';
import { deadline } from '#kit';
import { acceptHeader, DEFAULT_SCRAPE_PROTOCOLS, PROTO_FIRST_PROTOCOLS, type ScrapeConfig } from '../config/config.ts';
import {
  chooseFormat,
  type PageParser,
  type ParsedPage,
  type PlanShelf,
  type ScrapeFormat,
} from '../exposition/exposition.ts';
import { checkCrowd, crowdOf } from './crowd.ts';
import { ScrapeError } from './labels.ts';
import { createTargetParser } from './parsing.ts';
import type { Target } from './target.ts';

/** Where no body_size_limit is set. Prometheus then has none, and one endless page takes the whole process along. */
export const DEFAULT_BODY_LIMIT = 16 * 1024 * 1024;

export interface PageSource {
  /** The target's page now. Rejects with a sentence when there is none that can be read. */
  fetch(signal: AbortSignal): Promise<ParsedPage>;
  /** Bytes, unpacked, of the last page that was asked for, readable or not; -1 when it was too large, 0 when there was none. */
  size(): number;
  /** Forgets the page that it knows. */
  forget(): void;
}

interface PageSourceParts {
  client: Pick<HttpClient, 'read'>;
  clock: Clock;
  config: ScrapeConfig;
  target: Target;
  /** The agent's own version, for User-Agent. */
  version: string;
  warn(message: string): void;
  /** So many classic histograms could not be converted. */
  onUnconverted?(count: number): void;
  /** What is known of the pages of targets like this one. */
  shelf?: PlanShelf;
}

const EMPTY: ParsedPage = Object.freeze({ layout: Object.freeze({ samples: [] }), values: new Float64Array(0) });

/** Asks for one target's page, and reads it with a parser that remembers the last one. */
export function pageSource(parts: PageSourceParts): PageSource {
  const { client, clock, config, target, version, warn, onUnconverted = () => {}, shelf } = parts;
  const usual = target.histograms.native ? PROTO_FIRST_PROTOCOLS : DEFAULT_SCRAPE_PROTOCOLS;
  const headers = {
    accept: acceptHeader(config.protocols ?? usual, config.escaping),
    'accept-encoding': config.compression ? 'gzip' : 'identity',
    'user-agent': `dnscol/${version}`,
    'x-prometheus-scrape-timeout-seconds': String(target.timeout / 1000),
  };
  const maxBody = bodyLimit(config.limits.bodySize);
  const parsers = new Map<string, PageParser>();
  let warned: string | undefined;
  let size = 0;
  /** The last Content-Type; a target sends the same each time. */
  let last: { type: string | undefined; format: ScrapeFormat } | undefined;

  function formatOf(type: string | undefined): ScrapeFormat {
    if (last && last.type === type) return last.format;
    const { format, warning } = chooseFormat(type, config.fallbackProtocol);
    if (warning !== undefined && warning !== warned) warn(warning);
    warned = warning;
    last = { type, format };
    return format;
  }

  function parse({ headers, body }: HttpResponse): ParsedPage {
    // An empty page has no format to disagree about.
    if (body.length === 0) return EMPTY;
    const format = formatOf(headers['content-type']);
    let parser = parsers.get(format);
    if (!parser) {
      parsers.clear();
      const admit = (page: Uint8Array) => checkCrowd(page, config.limits);
      const crowd = crowdOf(config.limits);
      parser = createTargetParser(format, target.histograms, { onUnconverted, admit, crowd, ...(shelf && { shelf }) });
      parsers.set(format, parser);
    }
    return parser.parse(body);
  }

  return {
    forget: () => parsers.clear(),
    size: () => size,
    async fetch(signal) {
      size = 0;
      const within = deadline(clock, target.timeout, signal);
      try {
        const request = { method: 'GET', url: target.url, headers, signal: within.signal, maxBody };
        return await client.read(request, (response) => {
          if (response.status !== 200) throw new Error(`server returned HTTP status ${response.status}`);
          size = response.body.length;
          return parse(response);
        });
      } catch (error) {
        if (!(error instanceof BodyTooLargeError)) throw error;
        size = -1;
        const hint = config.limits.bodySize === undefined ? '; body_size_limit allows more' : '';
        throw new ScrapeError('body_size_limit', `the page has ${maxBody + 1} bytes or more${hint}`);
      } finally {
        within.end();
      }
    },
  };
}

/** Prometheus fails a page of the limit's very size, too. 0: as much as a buffer holds. */
function bodyLimit(configured: number | undefined): number {
  if (configured === undefined) return DEFAULT_BODY_LIMIT - 1;
  return configured === 0 ? 2 ** 31 : configured - 1;
}
