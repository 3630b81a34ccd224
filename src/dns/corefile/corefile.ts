/** CoreDNS's configuration language. */
export type { Environment } from './environment.ts';
export type { ImportFiles } from './imports.ts';
export { lex } from './lexer.ts';
export * from './parse.ts';
export { argumentsOf, option, type Stanza, stanzas } from './stanza.ts';
export { CorefileError, type CorefileToken } from './token.ts';
