/**
 * Prometheus' staleness marker is a NaN with this exact bit pattern (model/value). JavaScript may canonicalise a NaN that
 * passes through a number, so it is written and tested through an integer view, and values are copied as bytes.
 */
export const STALE_HIGH = 0x7ff00000;
export const STALE_LOW = 0x00000002;

/** What a text `NaN` becomes in Prometheus. */
export const NAN_HIGH = 0x7ff80000;
export const NAN_LOW = 0x00000001;

/** A column of `count` staleness markers. */
export function staleValues(count: number): Float64Array {
  const values = new Float64Array(count);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < words.length; i += 2) {
    words[i] = STALE_LOW;
    words[i + 1] = STALE_HIGH;
  }
  return values;
}

export function markStale(values: Float64Array, at: number): void {
  const words = new Uint32Array(values.buffer, values.byteOffset + at * 8, 2);
  words[0] = STALE_LOW;
  words[1] = STALE_HIGH;
}

export function isStale(values: Float64Array, at: number): boolean {
  // Most samples are numbers: one comparison settles them.
  if (!Number.isNaN(values[at])) return false;
  const words = new Uint32Array(values.buffer, values.byteOffset + at * 8, 2);
  return words[0] === STALE_LOW && words[1] === STALE_HIGH;
}
