import type { createHash as CreateHash } from 'node:crypto';

/** `createHash` of node:crypto, for those who seldom need it: loading that takes ten milliseconds of an agent's start. */
export const createHash: typeof CreateHash = (algorithm, options) =>
  process.getBuiltinModule('node:crypto').createHash(algorithm, options);
