import type { Bytes } from '../bytes.ts';
import { fieldLength, utf8Length } from '../records.ts';

/** A request's strings, each once; the first is the empty one. */
export class SymbolTable {
  readonly #list: string[];
  #refs: Map<string, number> | undefined;
  /** Bytes of them all as fields of the message. */
  length: number;

  constructor(list: readonly string[] = ['']) {
    this.#list = [...list];
    this.length = lengthOf(list);
  }

  get size(): number {
    return this.#list.length;
  }

  get list(): readonly string[] {
    return this.#list;
  }

  ref(text: string): number {
    this.#refs ??= new Map(this.#list.map((one, i) => [one, i]));
    const known = this.#refs.get(text);
    if (known !== undefined) return known;
    const ref = this.#list.length;
    this.#list.push(text);
    this.#refs.set(text, ref);
    this.length += fieldLength(utf8Length(text));
    return ref;
  }

  /** Forgets what was added since there were so many. */
  truncate(size: number): void {
    for (const text of this.#list.splice(size)) {
      this.#refs?.delete(text);
      this.length -= fieldLength(utf8Length(text));
    }
  }

  /** The table from its `from`th string on, as fields of the message. */
  write(out: Bytes, from = 0): void {
    for (let i = from; i < this.#list.length; i++) out.text(0x22, this.#list[i]!);
  }
}

const lengthOf = (list: readonly string[]): number =>
  list.reduce((sum, text) => sum + fieldLength(utf8Length(text)), 0);
