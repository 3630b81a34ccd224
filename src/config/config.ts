/** What components see of configuration: `import * as s from '#config'`. */
export * from './collections.ts';
export * from './issue.ts';
export * from './node.ts';
export { Partly, partlyReadable, readPartly, whereRead } from './partly.ts';
export { formatDuration, parseDuration, parseSize } from './quantity.ts';
export { describe } from './reading.ts';
export { QUERY_VALUES, REDACTED } from './redact.ts';
export * from './scalars.ts';
export * from './schema.ts';
export { Secret } from './secret.ts';
export { type ParsedYaml, parseYaml } from './yaml.ts';
