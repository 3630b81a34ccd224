/** Small parts that several components share. */
export * from './poll.ts';
export * from './sampling.ts';
