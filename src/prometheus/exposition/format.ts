import type { ExpositionFormat } from './types.ts';

/** Prometheus' names for `scrape_protocols` and `fallback_scrape_protocol`. */
export type ScrapeProtocol =
  | 'PrometheusProto'
  | 'PrometheusText0.0.4'
  | 'PrometheusText1.0.0'
  | 'OpenMetricsText0.0.1'
  | 'OpenMetricsText1.0.0';

export type ScrapeFormat = ExpositionFormat | 'protobuf';

export interface ChosenFormat {
  readonly format: ScrapeFormat;
  /** Why the fallback had to be used, to be logged once a target. */
  readonly warning?: string;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const MEDIA_TYPE = new RegExp(`^\\s*(${TOKEN}(?:/${TOKEN})?)\\s*(?=;|$)`);
const PARAMETER = new RegExp(`^\\s*;\\s*(${TOKEN})\\s*=\\s*(${TOKEN}|"(?:[^"\\\\]|\\\\.)*")\\s*`);

/**
 * Which parser a response's Content-Type asks for, as Prometheus chooses (model/textparse, extractMediaType). Throws an
 * Error with a sentence when none does and there is no `fallback`.
 */
export function chooseFormat(contentType: string | undefined, fallback?: ScrapeProtocol): ChosenFormat {
  const why = blameFor(contentType ?? '');
  if (why === undefined) return { format: FORMATS[mediaType(contentType!)!]! };
  if (!fallback) throw new Error(`${why}, and there is no fallback_scrape_protocol for the target`);
  return {
    format: FORMATS[PROTOCOLS[fallback]]!,
    warning: `${why}; using fallback_scrape_protocol ${fallback}`,
  };
}

const PROTOCOLS: Record<ScrapeProtocol, string> = {
  PrometheusProto: 'application/vnd.google.protobuf',
  'PrometheusText0.0.4': 'text/plain',
  'PrometheusText1.0.0': 'text/plain',
  'OpenMetricsText0.0.1': 'application/openmetrics-text',
  'OpenMetricsText1.0.0': 'application/openmetrics-text',
};

const FORMATS: Readonly<Record<string, ScrapeFormat>> = {
  'application/vnd.google.protobuf': 'protobuf',
  'application/openmetrics-text': 'openmetrics',
  'text/plain': 'text',
};

function blameFor(contentType: string): string | undefined {
  if (contentType.trim() === '') return 'the target sends no Content-Type';
  const type = mediaType(contentType);
  if (type === undefined) return `the target sends a Content-Type that cannot be read, ${JSON.stringify(contentType)}`;
  return Object.hasOwn(FORMATS, type)
    ? undefined
    : `the target sends the unsupported Content-Type ${JSON.stringify(contentType)}`;
}

/** The type alone, in lower case, when the whole header is well-formed: RFC 9110 §8.3.1, no parameter given twice. */
function mediaType(contentType: string): string | undefined {
  const type = MEDIA_TYPE.exec(contentType);
  if (!type) return undefined;
  const seen = new Set<string>();
  let rest = contentType.slice(type[0].length);
  while (!/^\s*;?\s*$/.test(rest)) {
    const parameter = PARAMETER.exec(rest);
    if (!parameter || seen.has(parameter[1]!.toLowerCase())) return undefined;
    seen.add(parameter[1]!.toLowerCase());
    rest = rest.slice(parameter[0].length);
  }
  return type[1]!.toLowerCase();
}
