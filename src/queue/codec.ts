/** What is stored of an item: a short head that says what it is (at most 64 KiB), and the bytes to send. */
export interface Payload {
  readonly head: Uint8Array;
  readonly body: Uint8Array;
}

/** How an exporter's items become bytes on disk and come back, perhaps in another version of dnscol. */
export interface Codec<T> {
  /** The bytes are not changed afterwards, until `recycle` is told of the item. */
  encode(item: T): Payload | Promise<Payload>;
  /** Undefined when it is none that this version can send. `points` are those of the item that was encoded. */
  decode(payload: Payload, points: number): T | undefined;
  /** About how many bytes of memory an item takes while it is not on disk. */
  weight(item: T): number;
}
