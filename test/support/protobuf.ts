/**
 * Protobuf by a schema, to and from the shape of protobuf's JSON mapping (64-bit integers as text, enums as numbers, fields
 * that are not there left out): an oracle for encoders that know their field numbers by heart. Slow and plain on purpose.
 */
export interface ProtoField {
  /** lowerCamelCase, as in JSON. */
  readonly name: string;
  /** A scalar, `enum`, or the name of a message. */
  readonly type: string;
  readonly repeated?: boolean;
  /** Each item is written behind a tag of its own, as proto2 does it. */
  readonly unpacked?: boolean;
}
/** Messages by name, fields by number. */
export type ProtoSchema = Readonly<Record<string, Readonly<Record<number, ProtoField>>>>;
export type Message = Record<string, unknown>;

const VARINTS = new Set(['uint64', 'int64', 'uint32', 'int32', 'sint32', 'sint64', 'bool', 'enum']);
const EIGHTS = new Set(['double', 'fixed64', 'sfixed64']);
const wireType = (type: string): number => (VARINTS.has(type) ? 0 : EIGHTS.has(type) ? 1 : type === 'fixed32' ? 5 : 2);
const isPackable = (type: string): boolean => wireType(type) !== 2;

/** Throws on anything that a strict parser would refuse; fields that the schema does not have are skipped. */
export function decodeMessage(schema: ProtoSchema, name: string, bytes: Uint8Array): Message {
  const fields = schema[name];
  if (!fields) throw new Error(`no message ${name}`);
  const reader = new Reader(bytes);
  const message: Message = {};
  while (!reader.done) {
    const tag = Number(reader.varint());
    const field = fields[tag >> 3];
    const wire = tag & 7;
    if (!field) reader.skip(wire);
    else if (wire === 2 && field.repeated && isPackable(field.type)) {
      const packed = new Reader(reader.bytes());
      const items = (message[field.name] ?? []) as unknown[];
      while (!packed.done) items.push(readValue(schema, field.type, packed));
      message[field.name] = items;
    } else {
      if (wire !== wireType(field.type)) throw new Error(`${name}.${field.name}: wire type ${wire}`);
      const value = readValue(schema, field.type, reader);
      message[field.name] = field.repeated ? [...((message[field.name] ?? []) as unknown[]), value] : value;
    }
  }
  return message;
}

function readValue(schema: ProtoSchema, type: string, reader: Reader): unknown {
  switch (type) {
    case 'double':
      return numberText(reader.view(8).getFloat64(0, true));
    case 'fixed64':
      return String(reader.view(8).getBigUint64(0, true));
    case 'sfixed64':
      return String(reader.view(8).getBigInt64(0, true));
    case 'fixed32':
      return reader.view(4).getUint32(0, true);
    case 'uint64':
      return String(reader.varint());
    case 'int64':
      return String(BigInt.asIntN(64, reader.varint()));
    case 'uint32':
    case 'enum':
      return Number(reader.varint());
    case 'int32':
      return Number(BigInt.asIntN(32, reader.varint()));
    case 'sint32': {
      const zigzag = Number(reader.varint());
      return (zigzag >>> 1) ^ -(zigzag & 1);
    }
    case 'sint64': {
      const zigzag = reader.varint();
      return String((zigzag >> 1n) ^ -(zigzag & 1n));
    }
    case 'bool':
      return reader.varint() !== 0n;
    case 'string':
      return new TextDecoder('utf-8', { fatal: true }).decode(reader.bytes());
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    default:
      return decodeMessage(schema, type, reader.bytes());
  }
}

/** Doubles that JSON does not have are text there. */
function numberText(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  get done(): boolean {
    return this.#at === this.#bytes.length;
  }
  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.take(1)[0]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Error('a varint of more than ten bytes');
  }
  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new Error('ends within a field');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
  view(length: number): DataView {
    const bytes = this.take(length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }
  bytes(): Uint8Array {
    return this.take(Number(this.varint()));
  }
  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.take(8);
    else if (wire === 2) this.bytes();
    else if (wire === 5) this.take(4);
    else throw new Error(`wire type ${wire}`);
  }
}

/** The bytes of a message; keys that the schema does not have are left out. */
export function encodeMessage(schema: ProtoSchema, name: string, message: Message): Buffer {
  const parts: Buffer[] = [];
  for (const [number, field] of Object.entries(schema[name] ?? {})) {
    const value = message[field.name];
    if (value === undefined) continue;
    const items = field.repeated ? (value as unknown[]) : [value];
    if (field.repeated && !field.unpacked && isPackable(field.type)) {
      const packed = Buffer.concat(items.map((item) => writeValue(schema, field.type, item)));
      parts.push(varint((BigInt(number) << 3n) | 2n), varint(BigInt(packed.length)), packed);
    } else {
      const tag = varint((BigInt(number) << 3n) | BigInt(wireType(field.type)));
      for (const item of items) parts.push(tag, writeValue(schema, field.type, item));
    }
  }
  return Buffer.concat(parts);
}

function writeValue(schema: ProtoSchema, type: string, value: unknown): Buffer {
  const eight = Buffer.alloc(8);
  switch (type) {
    case 'double':
      eight.writeDoubleLE(Number(value));
      return eight;
    case 'fixed64':
      eight.writeBigUInt64LE(BigInt(value as string));
      return eight;
    case 'sfixed64':
      eight.writeBigInt64LE(BigInt(value as string));
      return eight;
    case 'bool':
      return varint(value ? 1n : 0n);
    case 'sint32':
      return varint(BigInt((((value as number) << 1) ^ ((value as number) >> 31)) >>> 0));
    case 'sint64': {
      const whole = BigInt(value as string | number);
      return varint(BigInt.asUintN(64, (whole << 1n) ^ (whole >> 63n)));
    }
    case 'string':
      return delimited(Buffer.from(value as string));
    case 'bytes':
      return delimited(Buffer.from(value as string, 'base64'));
    default:
      if (VARINTS.has(type)) return varint(BigInt.asUintN(64, BigInt(value as string | number)));
      return delimited(encodeMessage(schema, type, value as Message));
  }
}

export const delimited = (bytes: Buffer): Buffer => Buffer.concat([varint(BigInt(bytes.length)), bytes]);

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest);
  return Buffer.from(bytes);
}

/** The messages of a .proto file: fields with their numbers, also those in a oneof and in messages inside. */
export function parseProto(text: string): Record<string, Record<number, ProtoField>> {
  const messages: Record<string, Record<number, ProtoField>> = {};
  const enums = new Set([...text.matchAll(/^\s*enum (\w+)/gm)].map((match) => match[1]!));
  const open: string[] = [];
  for (const line of text.replaceAll(/\/\/.*$/gm, '').split('\n')) {
    const block = /^\s*(message|enum|oneof|service)\s+(\w+)\s*\{/.exec(line);
    if (block) {
      open.push(block[1] === 'oneof' ? open.at(-1)! : block[1] === 'message' ? block[2]! : '');
      if (block[1] === 'message') messages[block[2]!] ??= {};
    }
    const field = /^\s*(repeated |optional )?([\w.]+) (\w+) = (\d+)/.exec(line);
    if (field && open.at(-1)) {
      const type = field[2]!.split('.').at(-1)!;
      const name = field[3]!.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      messages[open.at(-1)!]![Number(field[4])] = {
        name,
        type: enums.has(type) ? 'enum' : type,
        ...(field[1] === 'repeated ' ? { repeated: true } : {}),
      };
    }
    if (/\}/.test(line) && !/\{.*\}/.test(line)) open.pop();
  }
  return messages;
}
