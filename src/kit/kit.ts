/** Small parts that several components share. */
export * from './collecting.ts';
export * from './deadline.ts';
export * from './digest.ts';
export * from './environment.ts';
export * from './fresh.ts';
export * from './garbage.ts';
export * from './gathering.ts';
export * from './gatherings.ts';
export * from './make-folder.ts';
export * from './memory-limit.ts';
export * from './poll.ts';
export * from './sampling.ts';
export * from './turns.ts';
