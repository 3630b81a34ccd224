import type { Clock } from '#clock';
import { BodyTooLargeError, type HttpClient, type HttpResponse } from '#http';
import { deadline, inTurns, type Steps, turns } from '#kit';
import { acceptHeader, DEFAULT_SCRAPE_PROTOCOLS, PROTO_FIRST_PROTOCOLS, type ScrapeConfig } from '../config/config.ts';
import {
  chooseFormat,
  type PageParser,
  type ParsedPage,
  type PlanShelf,
  type ScrapeFormat,
} from '../exposition/exposition.ts';
import { EMPTY_PAGE } from './collector.ts';
import { checkCrowd, crowdOf } from './crowd.ts';
import { ScrapeError } from './labels.ts';
import { createTargetParser, type ParsingParts } from './parsing.ts';
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

/** What the targets of a job share. */
interface PageParts {
  client: Pick<HttpClient, 'read'>;
  clock: Clock;
  config: ScrapeConfig;
  /** The agent's own version, for User-Agent. */
  version: string;
  warn(message: string, target: Target): void;
  /** So many classic histograms could not be converted. */
  onUnconverted?(count: number): void;
  /** What is known of the pages of targets like these. */
  shelf?: PlanShelf;
}

type Headers = Readonly<Record<string, string>>;

interface Shared extends PageParts {
  readonly maxBody: number;
  headersFor(target: Target): Headers;
  createParser(format: ScrapeFormat, target: Target): PageParser;
}

/** Asks for the pages of a job's targets, each of which is read with a parser that remembers the last one. */
export function pageSources(parts: PageParts): (target: Target) => PageSource {
  const { config, onUnconverted = () => {}, shelf } = parts;
  const parsing: ParsingParts = {
    onUnconverted,
    admit: (page) => checkCrowd(page, config.limits),
    crowd: crowdOf(config.limits),
    ...(shelf && { shelf }),
  };
  const headers = new Map<string, Headers>();
  const shared: Shared = {
    ...parts,
    maxBody: bodyLimit(config.limits.bodySize),
    headersFor({ timeout, histograms: { native } }) {
      const key = `${timeout} ${native}`;
      const known = headers.get(key) ?? headersOf(parts, timeout, native);
      headers.set(key, known);
      return known;
    },
    createParser: (format, { histograms }) => createTargetParser(format, histograms, parsing),
  };
  return (target) => new TargetPage(target, shared);
}

function headersOf({ config, version }: PageParts, timeout: number, native: boolean): Headers {
  const usual = native ? PROTO_FIRST_PROTOCOLS : DEFAULT_SCRAPE_PROTOCOLS;
  return {
    accept: acceptHeader(config.protocols ?? usual, config.escaping),
    'accept-encoding': config.compression ? 'gzip' : 'identity',
    'user-agent': `dnscol/${version}`,
    'x-prometheus-scrape-timeout-seconds': String(timeout / 1000),
  };
}

class TargetPage implements PageSource {
  readonly #target: Target;
  readonly #shared: Shared;
  #parser: PageParser | undefined;
  /** What the parser reads. */
  #format: ScrapeFormat | undefined;
  /** The last Content-Type and what it says; a target sends the same each time. */
  #last: { type: string | undefined; format: ScrapeFormat } | undefined;
  #warned: string | undefined;
  #size = 0;

  constructor(target: Target, shared: Shared) {
    this.#target = target;
    this.#shared = shared;
  }

  size(): number {
    return this.#size;
  }

  forget(): void {
    this.#parser = undefined;
  }

  async fetch(signal: AbortSignal): Promise<ParsedPage> {
    const begun = await this.#ask(signal);
    return 'layout' in begun ? begun : inTurns(begun, turns(signal));
  }

  async #ask(signal: AbortSignal): Promise<ParsedPage | Steps<ParsedPage>> {
    const { client, clock, config, maxBody, headersFor } = this.#shared;
    this.#size = 0;
    const within = deadline(clock, this.#target.timeout, signal);
    try {
      const headers = headersFor(this.#target);
      // Some servers pack whatever they are asked for; as Prometheus, gzip is taken from them.
      const request = {
        method: 'GET',
        url: this.#target.url,
        headers,
        signal: within.signal,
        maxBody,
        packing: 'gzip',
      };
      return await client.read(request, (response) => {
        if (response.status !== 200) throw new Error(`server returned HTTP status ${response.status}`);
        this.#size = response.body.length;
        return this.#parse(response);
      });
    } catch (error) {
      if (!(error instanceof BodyTooLargeError)) throw error;
      this.#size = -1;
      const hint = config.limits.bodySize === undefined ? '; body_size_limit allows more' : '';
      throw new ScrapeError('body_size_limit', `the page has ${maxBody + 1} bytes or more${hint}`);
    } finally {
      within.end();
    }
  }

  #parse({ headers, body }: HttpResponse): ParsedPage | Steps<ParsedPage> {
    // An empty page has no format to disagree about.
    if (body.length === 0) return EMPTY_PAGE;
    const format = this.#formatOf(headers['content-type']);
    if (!this.#parser || format !== this.#format) {
      this.#parser = this.#shared.createParser(format, this.#target);
      this.#format = format;
    }
    return this.#parser.begin?.(body) ?? this.#parser.parse(body);
  }

  #formatOf(type: string | undefined): ScrapeFormat {
    if (this.#last && this.#last.type === type) return this.#last.format;
    const { config, warn } = this.#shared;
    const { format, warning } = chooseFormat(type, config.fallbackProtocol);
    if (warning !== undefined && warning !== this.#warned) warn(warning, this.#target);
    this.#warned = warning;
    this.#last = { type, format };
    return format;
  }
}

/** Prometheus fails a page of the limit's very size, too. 0: as much as a buffer holds. */
function bodyLimit(configured: number | undefined): number {
  if (configured === undefined) return DEFAULT_BODY_LIMIT - 1;
  return configured === 0 ? 2 ** 31 : configured - 1;
}
