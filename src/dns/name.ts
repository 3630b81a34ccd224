/**
 * Domain names in text and on the wire (RFC 1035 §3.1, §4.1.4, §5.1). Text is always absolute, with its last dot; a byte that
 * could be misread (a dot within a label, a space, what is no ASCII) is escaped, so two names are equal only when their
 * texts are, but for the case of ASCII letters.
 */

/** Bytes of a name on the wire, its last zero included. */
export const MAX_NAME = 255;
export const MAX_LABEL = 63;

/** A message, or a part of it, breaks the format. */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

/** The name on the wire. Throws a RangeError with what is wrong. A missing last dot is added. */
export function encodeName(text: string): Uint8Array {
  if (text === '.') return Uint8Array.of(0);
  const wire: number[] = [];
  let label: number[] = [];
  const endLabel = () => {
    if (!label.length) throw new RangeError('has an empty label');
    if (label.length > MAX_LABEL)
      throw new RangeError(`has a label of ${label.length} bytes; ${MAX_LABEL} is the most`);
    wire.push(label.length, ...label);
    label = [];
  };
  const bytes = new TextEncoder().encode(text.slice(0, 4 * MAX_NAME + 1));
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === DOT) endLabel();
    else if (bytes[i] === BACKSLASH) {
      const [byte, length] = escapedByte(bytes, i + 1);
      label.push(byte);
      i += length;
    } else label.push(bytes[i]!);
  }
  if (label.length || !wire.length) endLabel();
  wire.push(0);
  if (wire.length > MAX_NAME) throw new RangeError(`is longer than a name's ${MAX_NAME} bytes`);
  return Uint8Array.from(wire);
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;
const isDigit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** What stands behind a backslash, and how many bytes it takes: `\DDD` is that byte, all else stands for itself. */
function escapedByte(bytes: Uint8Array, at: number): [byte: number, length: number] {
  const first = bytes[at];
  if (first === undefined) throw new RangeError('ends within an escape');
  if (!isDigit(first)) return [first, 1];
  const number = Number(String.fromCharCode(...bytes.subarray(at, at + 3)));
  if (!isDigit(bytes[at + 1]) || !isDigit(bytes[at + 2]) || number > 255) {
    throw new RangeError('has an escape that is not \\ and three digits up to 255');
  }
  return [number, 3];
}

/** Why a text is no domain name, or undefined when it is one. */
export function nameFault(text: string): string | undefined {
  try {
    encodeName(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** With its last dot. */
export function absolute(name: string): string {
  return isAbsolute(name) ? name : `${name}.`;
}

/** Ends in a dot that is no escaped one. */
export function isAbsolute(name: string): boolean {
  return name.endsWith('.') && /(?:^|[^\\])(?:\\\\)*\.$/.test(name.slice(-8));
}

/** Names are compared without regard to the case of ASCII letters (RFC 4343). */
export function lowerCase(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Its text without the root, and its length on the wire without the last zero. */
interface Name {
  readonly text: string;
  readonly length: number;
}

/**
 * Reads the names of one message. Compressed names share their ends, so each end is read once; what remains has a budget,
 * because 64 KiB of pointers may otherwise spell out megabytes.
 */
export class NameReader {
  readonly #bytes: Uint8Array;
  readonly #known = new Map<number, Name>();
  #budget = 1 << 17;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Where what follows the name at `at` begins; reads no further than the first pointer. */
  skip(at: number): number {
    for (let i = at; ; ) {
      const length = this.#byte(i);
      if (length === 0) return i + 1;
      if (length >= 0xc0) {
        this.#byte(i + 1);
        return i + 2;
      }
      i += 1 + checkedLength(length, i);
    }
  }

  read(at: number): string {
    return this.#read(at, 0).text || '.';
  }

  #read(at: number, hops: number): Name {
    const known = this.#known.get(at);
    if (known) return known;
    const target = this.#target(at, at, hops);
    // Most names are a pointer alone: the same text, for nothing.
    if (target !== undefined) return this.#keep(at, this.#read(target, hops + 1));
    let text = '';
    let wire = 0;
    let i = at;
    for (let length = this.#byte(i); length !== 0; length = this.#byte(i)) {
      const onwards = this.#target(i, at, hops);
      if (onwards !== undefined) {
        const rest = this.#read(onwards, hops + 1);
        this.#spend(rest.length, at);
        text += rest.text;
        wire += rest.length;
        break;
      }
      this.#spend(1 + checkedLength(length, i), at);
      this.#byte(i + length);
      text += `${escaped(this.#bytes, i + 1, length)}.`;
      wire += 1 + length;
      i += 1 + length;
    }
    if (wire >= MAX_NAME) throw new MalformedMessage(`the name at byte ${at} is longer than ${MAX_NAME} bytes`);
    return this.#keep(at, { text, length: wire });
  }

  #keep(at: number, name: Name): Name {
    this.#known.set(at, name);
    return name;
  }

  /** Where the pointer at `i` leads, which belongs to the name at `from`; undefined when there is a label. */
  #target(i: number, from: number, hops: number): number | undefined {
    const high = this.#byte(i);
    if (high < 0xc0) return undefined;
    const target = ((high & 0x3f) << 8) | this.#byte(i + 1);
    // Backwards only, so that it ends (RFC 1035 §4.1.4 speaks of a prior occurrence).
    if (target >= from) throw new MalformedMessage(`the name at byte ${from} points forward, to ${target}`);
    if (hops > MAX_NAME / 2) throw new MalformedMessage(`the name at byte ${from} goes through too many pointers`);
    return target;
  }

  #byte(at: number): number {
    const byte = this.#bytes[at];
    if (byte === undefined) throw new MalformedMessage('a name goes beyond the end of the message');
    return byte;
  }

  #spend(bytes: number, at: number): void {
    this.#budget -= bytes;
    if (this.#budget < 0) throw new MalformedMessage(`the names up to byte ${at} are spelled out too often`);
  }
}

/** The two high bits 01 and 10 are no length (RFC 6891 §5 gave them up). */
function checkedLength(length: number, at: number): number {
  if (length > MAX_LABEL) throw new MalformedMessage(`the byte ${length} at ${at} is no label's length`);
  return length;
}

const PLAIN = /^[\w*/-]+$/;
const SPECIAL = new Set([...'."\\;@$()'].map((c) => c.charCodeAt(0)));

function escaped(bytes: Uint8Array, at: number, length: number): string {
  const raw = String.fromCharCode(...bytes.subarray(at, at + length));
  if (PLAIN.test(raw)) return raw;
  let text = '';
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i]!;
    if (byte <= 0x20 || byte >= 0x7f) text += `\\${String(byte).padStart(3, '0')}`;
    else text += SPECIAL.has(byte) ? `\\${String.fromCharCode(byte)}` : String.fromCharCode(byte);
  }
  return text;
}
