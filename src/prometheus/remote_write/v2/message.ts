import { Bytes } from '../bytes.ts';
import { type Counts, eachField } from '../fields.ts';
import { fieldLength } from '../records.ts';
import { readVarint, writeVarint } from '../wire.ts';
import { type Heads, measureHead, writeHead } from './heads.ts';
import { sampleLength, writeSample } from './sample.ts';
import { SymbolTable } from './symbols.ts';

/** Where a series' references come from: a table of strings, and what became of them in the message being written. */
export class Source {
  readonly symbols: readonly string[];
  readonly #refs: Uint32Array;
  /** Of the message that is being written. */
  #table: SymbolTable | undefined;

  constructor(symbols: readonly string[]) {
    this.symbols = symbols;
    this.#refs = new Uint32Array(symbols.length);
  }

  /** The reference in the table of the message that is being written. */
  readonly map = (ref: number): number => {
    // The empty string is the first in every table, so that 0 is free to mean unknown.
    if (ref === 0) return 0;
    const known = this.#refs[ref];
    return known ? known : this.#add(ref);
  };

  /** From now on the references are those of `table`, which only grows. */
  enter(table: SymbolTable): void {
    if (table === this.#table) return;
    this.#table = table;
    this.#refs.fill(0);
  }

  #add(ref: number): number {
    const text = this.symbols[ref];
    if (text === undefined) throw new Error(`there is no symbol ${ref}`);
    const made = this.#table!.ref(text);
    this.#refs[ref] = made;
    return made;
  }
}

export interface Written extends Counts {
  /** The message: symbols first, since not every receiver takes them in another order. */
  readonly message: Buffer;
}

/** Of one message: bytes and samples. */
export interface Limits {
  readonly length: number;
  readonly samples: number;
}
export const NO_LIMITS: Limits = { length: Number.POSITIVE_INFINITY, samples: Number.POSITIVE_INFINITY };

/**
 * The most samples in a request. Receivers limit them too, and a Request says so much more in its bytes than a WriteRequest that
 * their limit alone would not keep it small.
 */
export const MOST_SAMPLES = 5000;

const NOTHING = { samples: 0, histograms: 0, exemplars: 0 };

/**
 * Puts series from anywhere into Requests of limited size, each with its own table of just the strings that it
 * needs. (A single larger series has a message to itself.)
 */
export class MessageWriter {
  readonly #limits: Limits;
  readonly #done: (written: Written) => void;
  readonly #records: Bytes;
  readonly #row: Bytes;
  #table = new SymbolTable();
  #counts = { ...NOTHING };

  /** `done` gets each message in working memory, which the next one uses again. */
  constructor(limits: Limits, done: (written: Written) => void, memory: MessageMemory) {
    this.#limits = limits;
    this.#done = done;
    this.#records = memory.records;
    this.#row = memory.row;
    this.#records.clear();
  }

  /** Writes one series: `fill` puts its fields there, references taken from `source`. Called again where a new message begins. */
  series(source: Source, counts: Readonly<Counts>, fill: (row: Bytes, table: SymbolTable) => void): void {
    const row = this.#row;
    this.#fitting(source, () => {
      row.clear();
      fill(row, this.#table);
      return row.length;
    });
    this.#records.nested(0x2a, row.view());
    this.#counts.samples += counts.samples;
    this.#counts.histograms += counts.histograms;
    this.#counts.exemplars += counts.exemplars;
  }

  /** Writes a series of one plain sample: the same, without a detour. */
  plain(source: Source, heads: Heads, i: number, bits: bigint, time: number, start: number): void {
    const sample = sampleLength(time, start);
    const length = this.#fitting(source, () => measureHead(heads, i, source.map) + sample);
    const at = this.#records.reserve(fieldLength(length));
    const out = this.#records.buffer;
    out[at] = 0x2a;
    writeSample(out, writeHead(out, writeVarint(out, at + 1, length)), bits, time, start);
    this.#counts.samples++;
  }

  /** Asks for a series' length, again when a new message begins for it because it does not fit into this one. */
  #fitting(source: Source, measure: () => number): number {
    source.enter(this.#table);
    const size = this.#table.size;
    const length = measure();
    const { samples: most, length: longest } = this.#limits;
    const isRoom = this.#counts.samples < most && this.#length() + fieldLength(length) <= longest;
    if (!this.#records.length || isRoom) return length;
    this.#table.truncate(size);
    this.#close();
    source.enter(this.#table);
    return measure();
  }

  finish(): void {
    if (this.#records.length) this.#close();
  }

  #length(): number {
    return this.#table.length + this.#records.length;
  }

  #close(): void {
    const message = new Bytes(this.#length());
    this.#table.write(message);
    message.raw(this.#records.view());
    this.#done({ message: message.view(), ...this.#counts });
    this.#records.clear();
    this.#table = new SymbolTable();
    this.#counts = { ...NOTHING };
  }
}

export interface MessageMemory {
  readonly records: Bytes;
  readonly row: Bytes;
}

const refs = new Bytes();

/** A packed list of references as a field, each put through `source`. */
export function copyRefs(from: Uint8Array, start: number, end: number, { map }: Source, to: Bytes): void {
  // A reference takes at most five bytes.
  refs.clear();
  refs.reserve(5 * (end - start));
  let length = 0;
  for (let at = start; at < end; ) {
    let ref = from[at++]!;
    if (ref > 127) [ref, at] = readVarint(from, at - 1);
    length = writeVarint(refs.buffer, length, map(ref));
  }
  to.nested(0x0a, refs.buffer.subarray(0, length));
}

const inner = new Bytes();

/** Metadata as a field, its references put through `source`. */
export function copyMetadata(from: Uint8Array, start: number, end: number, { map }: Source, to: Bytes): void {
  inner.clear();
  eachField(from, start, end, (field, at) => {
    const [value] = readVarint(from, at);
    inner.int64(field << 3, field === 1 ? value : map(value));
  });
  to.nested(0x2a, inner.view());
}
