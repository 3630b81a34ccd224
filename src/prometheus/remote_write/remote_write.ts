/** Prometheus remote write: from batches to request bodies. */
export { halveBody, joinBodies, type WriteBody } from './body.ts';
export * from './encoder.ts';
export { createMetadataEncoder, type MetadataOptions } from './metadata.ts';
export { escapeLabelName, escapeMetricName, isLabelName, isMetricName, withSuffixes } from './names.ts';
export * from './snappy.ts';
export type { TranslateOptions } from './translate.ts';
