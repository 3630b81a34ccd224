export { ProtobufError } from './cursor.ts';
export { createProtobufParser, type ProtobufOptions } from './parser.ts';
