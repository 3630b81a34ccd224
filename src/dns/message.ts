import { MalformedMessage, NameReader } from './name.ts';
import { CLASS_IN, rcodeName } from './types.ts';

export interface Question {
  /** Absolute, in the case that was sent. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

export interface ResourceRecord extends Question {
  readonly ttl: number;
  /** Where its data lie in the message. */
  readonly dataAt: number;
  readonly dataEnd: number;
}

/** What EDNS (RFC 6891) says in the OPT record. */
export interface Edns {
  readonly udpSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
}

export interface Header {
  readonly id: number;
  readonly isResponse: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** Of the header alone, without EDNS' upper bits. */
  readonly rcode: number;
  readonly counts: readonly [questions: number, answers: number, authorities: number, additionals: number];
}

/** A whole message, every record's place checked; what the data mean is read by `dataText`. */
export interface Message extends Header {
  readonly bytes: Uint8Array;
  /** With the upper bits that EDNS adds. */
  readonly rcode: number;
  readonly rcodeName: string;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
  readonly edns: Edns | undefined;
  /** Reads the names that its data hold. */
  readonly names: NameReader;
}

export const HEADER_SIZE = 12;
const TYPE_OPT = 41;
/** The least that a question and a record take: a root name and their fixed parts. */
const LEAST_QUESTION = 5;
const LEAST_RECORD = 11;

export const FLAGS = { qr: 0x8000, aa: 0x0400, tc: 0x0200, rd: 0x0100, ra: 0x0080, ad: 0x0020, cd: 0x0010 } as const;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function parseHeader(bytes: Uint8Array): Header {
  if (bytes.length < HEADER_SIZE) throw new MalformedMessage(`${bytes.length} bytes are no header`);
  const view = viewOf(bytes);
  const flags = view.getUint16(2);
  const has = (flag: number) => (flags & flag) !== 0;
  return {
    id: view.getUint16(0),
    isResponse: has(FLAGS.qr),
    opcode: (flags >> 11) & 15,
    authoritative: has(FLAGS.aa),
    truncated: has(FLAGS.tc),
    recursionDesired: has(FLAGS.rd),
    recursionAvailable: has(FLAGS.ra),
    authenticData: has(FLAGS.ad),
    checkingDisabled: has(FLAGS.cd),
    rcode: flags & 15,
    counts: [view.getUint16(4), view.getUint16(6), view.getUint16(8), view.getUint16(10)],
  };
}

/** Reads the questions; `at` is left where the records begin. */
function readQuestions(bytes: Uint8Array, header: Header, names: NameReader): { questions: Question[]; at: number } {
  const view = viewOf(bytes);
  const questions: Question[] = [];
  let at = HEADER_SIZE;
  if (header.counts[0] * LEAST_QUESTION > bytes.length - at) {
    throw new MalformedMessage(`${header.counts[0]} questions do not fit into ${bytes.length} bytes`);
  }
  for (let i = 0; i < header.counts[0]; i++) {
    const end = names.skip(at);
    if (end + 4 > bytes.length) throw new MalformedMessage('the message ends within a question');
    questions.push({ name: names.read(at), type: view.getUint16(end), class: view.getUint16(end + 2) });
    at = end + 4;
  }
  return { questions, at };
}

/**
 * Header and questions alone: enough to tell whether a message answers what was asked, and all there may be of a truncated
 * one, which a server may cut within a record.
 */
export function parseQuestions(bytes: Uint8Array): { header: Header; questions: readonly Question[] } {
  const header = parseHeader(bytes);
  return { header, questions: readQuestions(bytes, header, new NameReader(bytes)).questions };
}

/**
 * Reads a message (RFC 1035 §4.1). Throws MalformedMessage, after a time and with memory that the message's own length
 * bounds: counts that cannot be true are refused before anything is made from them. Bytes behind the last record are let be.
 */
export function parseMessage(bytes: Uint8Array): Message {
  const header = parseHeader(bytes);
  const names = new NameReader(bytes);
  const { questions, at } = readQuestions(bytes, header, names);
  const records = recordReader(bytes, names, at);
  const [, answerCount, authorityCount, additionalCount] = header.counts;
  const answers = records(answerCount);
  const authorities = records(authorityCount);
  const additionals = records(additionalCount);
  const opt = additionals.find((record) => record.type === TYPE_OPT);
  const rcode = opt ? ((opt.ttl >>> 24) << 4) | header.rcode : header.rcode;
  return {
    ...header,
    bytes,
    rcode,
    rcodeName: rcodeName(rcode),
    questions,
    answers,
    authorities,
    additionals,
    edns: opt && {
      udpSize: opt.class,
      version: (opt.ttl >>> 16) & 255,
      dnssecOk: (opt.ttl & 0x8000) !== 0,
    },
    names,
  };
}

function recordReader(bytes: Uint8Array, names: NameReader, begin: number): (count: number) => ResourceRecord[] {
  const view = viewOf(bytes);
  let at = begin;
  const one = (): ResourceRecord => {
    const end = names.skip(at);
    if (end + 10 > bytes.length) throw new MalformedMessage('the message ends within a record');
    const dataAt = end + 10;
    const dataEnd = dataAt + view.getUint16(end + 8);
    if (dataEnd > bytes.length) throw new MalformedMessage("a record's data go beyond the end of the message");
    const name = names.read(at);
    at = dataEnd;
    return {
      name,
      type: view.getUint16(end),
      class: view.getUint16(end + 2),
      ttl: view.getUint32(end + 4),
      dataAt,
      dataEnd,
    };
  };
  return (count) => {
    if (count * LEAST_RECORD > bytes.length - at) {
      throw new MalformedMessage(`${count} records do not fit into ${bytes.length - at} bytes`);
    }
    return Array.from({ length: count }, one);
  };
}

export interface QueryOptions {
  readonly id: number;
  readonly recursionDesired?: boolean;
  readonly checkingDisabled?: boolean;
  /** Asks to be told whether the data are authentic (RFC 6840 §5.7). */
  readonly authenticData?: boolean;
  readonly dnssecOk?: boolean;
  /** The size of an answer that may come by UDP; 0 for a query without EDNS. */
  readonly udpSize?: number;
}

/** A query of one question. `name` is on the wire already. */
export function encodeQuery(
  name: Uint8Array,
  type: number,
  { id, recursionDesired = true, checkingDisabled, authenticData, dnssecOk, udpSize = 0 }: QueryOptions,
  classNumber = CLASS_IN,
): Uint8Array {
  const withEdns = udpSize > 0 || dnssecOk === true;
  const bytes = new Uint8Array(HEADER_SIZE + name.length + 4 + (withEdns ? LEAST_RECORD : 0));
  const view = viewOf(bytes);
  view.setUint16(0, id);
  const flag = (on: boolean | undefined, bit: number) => (on ? bit : 0);
  view.setUint16(
    2,
    flag(recursionDesired, FLAGS.rd) | flag(authenticData, FLAGS.ad) | flag(checkingDisabled, FLAGS.cd),
  );
  view.setUint16(4, 1);
  bytes.set(name, HEADER_SIZE);
  const end = HEADER_SIZE + name.length;
  view.setUint16(end, type);
  view.setUint16(end + 2, classNumber);
  if (withEdns) {
    view.setUint16(10, 1);
    view.setUint16(end + 5, TYPE_OPT);
    view.setUint16(end + 7, Math.max(udpSize, 512));
    view.setUint32(end + 9, dnssecOk ? 0x8000 : 0);
  }
  return bytes;
}
