export { type HttpClientConfig, httpClientOptions } from './http-client.ts';
export { promDuration } from './lax.ts';
export { acceptHeader, DEFAULT_SCRAPE_PROTOCOLS, type EscapingScheme, PROTO_FIRST_PROTOCOLS } from './protocols.ts';
export { formatPromDuration, parseBase2Bytes, parsePromDuration } from './quantity.ts';
export type { ScrapeConfig, ScrapeLimits } from './resolve.ts';
export type { FileSdConfig, GlobalConfig } from './scrape.ts';
export { prometheusConfig, readScrapeFiles } from './scrape-files.ts';
export type { PrometheusConfig } from './sections.ts';
