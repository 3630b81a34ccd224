import * as s from '#config';
import type { ScrapeProtocol } from '../exposition/exposition.ts';
import type { NameValidationScheme } from '../relabel/relabel.ts';
import { laxString } from './lax.ts';

/** What Prometheus calls scrape protocols (config.ScrapeProtocolsHeaders), with the media type each stands for. */
export const SCRAPE_PROTOCOLS = {
  PrometheusProto: 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
} as const satisfies Record<ScrapeProtocol, string>;

export const DEFAULT_SCRAPE_PROTOCOLS: readonly ScrapeProtocol[] = [
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
];

/** Where native histograms are wanted: no text format has them. */
export const PROTO_FIRST_PROTOCOLS: readonly ScrapeProtocol[] = ['PrometheusProto', ...DEFAULT_SCRAPE_PROTOCOLS];

const NAMES = Object.keys(SCRAPE_PROTOCOLS) as ScrapeProtocol[];

/** How names that are not legacy ones are to be escaped by the target. */
export const ESCAPING_SCHEMES = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;
export type EscapingScheme = (typeof ESCAPING_SCHEMES)[number];

export const protocol = s.oneOf(...NAMES);

/** A preference list: not empty, and no protocol twice. */
export const protocols: s.Schema<ScrapeProtocol[]> = s.check(s.list(protocol, { min: 1 }), (list, complain) => {
  list.forEach((name, i) => {
    if (list.indexOf(name) < i) complain('', `names ${name} twice`);
  });
});

/** The Accept header of a scrape: the protocols in order of preference, then anything. */
export function acceptHeader(list: readonly ScrapeProtocol[], escaping: EscapingScheme): string {
  let weight = NAMES.length + 1;
  const values = list.map((name) => {
    // Only the 1.0.0 formats know escaping.
    const scheme = name.endsWith('1.0.0') ? `;escaping=${escaping}` : '';
    return `${SCRAPE_PROTOCOLS[name]}${scheme};q=0.${weight--}`;
  });
  return [...values, `*/*;q=0.${weight}`].join(',');
}

export const validationScheme = s.transform(laxString(), (name, complain) => {
  if (name === '' || name === 'utf8' || name === 'legacy') return name || undefined;
  return complain('', `must be utf8 or legacy, not ${JSON.stringify(name)}`);
}) as s.Schema<NameValidationScheme | undefined>;

export const escapingScheme = s.transform(laxString(), (name, complain) => {
  if (name === '') return undefined;
  if ((ESCAPING_SCHEMES as readonly string[]).includes(name)) return name as EscapingScheme;
  return complain('', `must be one of ${ESCAPING_SCHEMES.join(', ')}, not ${JSON.stringify(name)}`);
}) as s.Schema<EscapingScheme | undefined>;
