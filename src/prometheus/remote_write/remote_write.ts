/** Prometheus remote write: from batches to request bodies. */
export { halveBody, joinBodies, type WriteBody } from './body.ts';
export * from './encoder.ts';
export { escapeLabelName, escapeMetricName, isLabelName, isMetricName, withSuffixes } from './names.ts';
export * from './snappy.ts';
