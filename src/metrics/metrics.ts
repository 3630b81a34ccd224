export * from './buckets.ts';
export * from './follow.ts';
export * from './histogram.ts';
export * from './joined.ts';
export * from './labels.ts';
export * from './series.ts';
export * from './snapshot.ts';
export * from './staleness.ts';
