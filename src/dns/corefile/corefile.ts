/** CoreDNS's configuration language, and what its plugins make of their stanzas. */
export { normalName, type ServerAddress, serverAddresses } from './address.ts';
export { readBind } from './bind.ts';
export { type Cache, type CacheHalf, readCache } from './cache.ts';
export type { Environment } from './environment.ts';
export { type Forward, readForwards, readUpstream, type Upstream } from './forward.ts';
export { findImports, type ImportFiles } from './imports.ts';
export { lex } from './lexer.ts';
export * from './parse.ts';
export { argumentsOf, option, type Stanza, stanzas } from './stanza.ts';
export { CorefileError, type CorefileToken } from './token.ts';
