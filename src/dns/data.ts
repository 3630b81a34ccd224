import { SocketAddress } from 'node:net';
import * as packet from 'dns-packet';
import type { Message, ResourceRecord } from './message.ts';
import { lowerCase, MalformedMessage } from './name.ts';
import { typeName } from './types.ts';

/** How the data of a record with names in it are laid out: numbers of so many bytes, then names, then numbers. */
interface Layout {
  readonly before: readonly number[];
  readonly names: number;
  readonly after: readonly number[];
}
const NAME: Layout = { before: [], names: 1, after: [] };
const LAYOUTS: Readonly<Record<string, Layout>> = {
  NS: NAME,
  CNAME: NAME,
  PTR: NAME,
  DNAME: NAME,
  MX: { before: [2], names: 1, after: [] },
  SRV: { before: [2, 2, 2], names: 1, after: [] },
  SOA: { before: [], names: 2, after: [4, 4, 4, 4, 4] },
};
const SIZES: Readonly<Record<string, number>> = { A: 4, AAAA: 16 };

/**
 * A record's data as zone files write them, names absolute and escaped: `10.0.0.1`, `10 mail.example.`; the parts of a TXT
 * run together, unquoted. What is not known is RFC 3597's `\# 2 0abc`. Throws MalformedMessage.
 */
export function dataText(message: Message, record: ResourceRecord): string {
  const type = typeName(record.type);
  const layout = LAYOUTS[type];
  if (layout) return textWithNames(message, record, layout);
  const data = message.bytes.subarray(record.dataAt, record.dataEnd);
  if (SIZES[type] !== undefined && data.length !== SIZES[type]) {
    throw new MalformedMessage(`${data.length} bytes are no ${type} record`);
  }
  if (type === 'A' || type === 'AAAA' || type === 'TXT' || type === 'CAA') {
    const text = decodedText(record, data);
    if (text !== undefined) return text;
    throw new MalformedMessage(`the data of a ${type} record do not fit their length`);
  }
  return `\\# ${data.length} ${Buffer.from(data).toString('hex')}`.trimEnd();
}

function textWithNames({ bytes, names }: Message, { dataAt, dataEnd, type }: ResourceRecord, layout: Layout): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: (string | number)[] = [];
  let at = dataAt;
  const number = (size: number) => {
    if (at + size <= dataEnd) parts.push(size === 2 ? view.getUint16(at) : view.getUint32(at));
    at += size;
  };
  layout.before.forEach(number);
  for (let i = 0; i < layout.names; i++) {
    const end = names.skip(at);
    parts.push(names.read(at));
    at = end;
  }
  layout.after.forEach(number);
  if (at !== dataEnd) throw new MalformedMessage(`the data of a ${typeName(type)} record do not fit their length`);
  return parts.join(' ');
}

/**
 * dns-packet reads the data, as the only record of a message made for it: given a whole message it trusts counts and the
 * lengths within the data, and joins labels without escaping their dots.
 */
function decodedText(record: ResourceRecord, data: Uint8Array): string | undefined {
  const alone = Buffer.alloc(12 + 11 + data.length);
  alone.writeUInt16BE(1, 6);
  alone.writeUInt16BE(record.type, 13);
  alone.writeUInt16BE(1, 15);
  alone.writeUInt16BE(data.length, 21);
  alone.set(data, 23);
  try {
    const [answer] = packet.decode(alone).answers ?? [];
    if (packet.decode.bytes !== alone.length) return undefined;
    if (answer?.type === 'A' || answer?.type === 'AAAA') return answer.data;
    if (answer?.type === 'CAA') return `${answer.data.flags} ${answer.data.tag} ${JSON.stringify(answer.data.value)}`;
    if (answer?.type === 'TXT') return Buffer.concat(answer.data as Buffer[]).toString('latin1');
  } catch {
    // Told by the caller, with the record's type.
  }
  return undefined;
}

/** Data as a user writes them, in the form that `dataText` gives: addresses as the kernel writes them, names in lower case. */
export function normalizeData(type: string, text: string): string {
  if (type === 'AAAA') return ipv6(text) ?? text;
  if (!LAYOUTS[type]) return text;
  const words = text.trim().split(/\s+/);
  return words.map((word) => lowerCase(/^\d+$/.test(word) || word.endsWith('.') ? word : `${word}.`)).join(' ');
}

function ipv6(text: string): string | undefined {
  try {
    return new SocketAddress({ address: text, family: 'ipv6' }).address;
  } catch {
    return undefined;
  }
}
