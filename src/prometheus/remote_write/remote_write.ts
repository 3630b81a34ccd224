/** Prometheus remote write: from batches to request bodies. */
export { halveBody, joinBodies, shrink } from './bodies.ts';
export type { WriteBody } from './body.ts';
export * from './encoder.ts';
export { createMetadataEncoder, type MetadataOptions } from './metadata.ts';
export { escapeLabelName, escapeMetricName, isLabelName, isMetricName, withSuffixes } from './names.ts';
export * from './snappy.ts';
export type { TranslateOptions } from './translate.ts';
export { toVersion1 } from './v2/downgrade.ts';
export { createRemoteWrite2Encoder } from './v2/encoder.ts';
export { MOST_SAMPLES } from './v2/message.ts';
