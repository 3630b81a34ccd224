export { withCreated } from './created.ts';
export { customBuckets } from './custom_buckets.ts';
export { ExpositionError } from './error.ts';
export * from './format.ts';
export { formatBound, formatFloat } from './number.ts';
export { createPageParser, type PageParser, parsePage } from './parser.ts';
export * from './protobuf/protobuf.ts';
export { PlanShelf } from './shelf.ts';
export type { ExpositionFormat, Layout, Origin, PageOptions, ParsedPage, RawSample } from './types.ts';
