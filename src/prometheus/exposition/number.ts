import { NAN_HIGH, NAN_LOW } from '#metrics';

const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const EXACT = 2 ** 53;

const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/**
 * What Go's `strconv.ParseFloat` makes of a text, with Prometheus' restriction to the formats before Go 1.13 (no `_`, no
 * hexadecimal). Undefined for what is not a number and for what no double can hold (`1e309`).
 */
export function parseFloatText(text: string): number | undefined {
  if (DECIMAL.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? value : undefined;
  }
  const infinite = INFINITE.exec(text);
  if (infinite) return infinite[1] === '-' ? -Infinity : Infinity;
  return text.length === 3 && text.toLowerCase() === 'nan' ? Number.NaN : undefined;
}

/**
 * Reads the number that starts at `at` into `out[index]` and answers where it ends, or -1 when no number stands there. A
 * number ends at a blank, a tab, a line feed or `end`; bit-equal to strtod. A NaN is always 0x7ff8000000000001, as in
 * Prometheus, never the staleness marker.
 *
 * Clinger's fast path: a mantissa below 2^53 times or over a power of ten up to 10^22 is one exact operation.
 */
export function readNumber(body: Buffer, at: number, end: number, out: Float64Array, index: number): number {
  let pos = at;
  let c = pos < end ? body[pos]! : 0;
  const negative = c === 45;
  if (negative || c === 43) c = ++pos < end ? body[pos]! : 0;
  let mantissa = 0;
  let scale = 0;
  const first = pos;
  while (c >= 48 && c <= 57) {
    mantissa = mantissa * 10 + (c - 48);
    c = ++pos < end ? body[pos]! : 0;
  }
  let digits = pos - first;
  if (c === 46) {
    const point = ++pos;
    c = pos < end ? body[pos]! : 0;
    while (c >= 48 && c <= 57) {
      mantissa = mantissa * 10 + (c - 48);
      c = ++pos < end ? body[pos]! : 0;
    }
    scale = point - pos;
    digits -= scale;
  }
  if (digits === 0) return readOther(body, at, end, out, index);
  if (c === 101 || c === 69) {
    c = ++pos < end ? body[pos]! : 0;
    const minus = c === 45;
    if (minus || c === 43) c = ++pos < end ? body[pos]! : 0;
    const from = pos;
    let exponent = 0;
    while (c >= 48 && c <= 57 && pos - from < 4) {
      exponent = exponent * 10 + (c - 48);
      c = ++pos < end ? body[pos]! : 0;
    }
    if (pos === from) return -1;
    scale += minus ? -exponent : exponent;
  }
  const ended = pos === end || c === 10 || c === 32 || c === 9;
  if (!ended || mantissa >= EXACT || scale < -22 || scale > 22) return readOther(body, at, end, out, index);
  const value = scale < 0 ? mantissa / POWERS[-scale]! : mantissa * POWERS[scale]!;
  out[index] = negative ? -value : value;
  return pos;
}

function readOther(body: Buffer, at: number, end: number, out: Float64Array, index: number): number {
  const stop = tokenEnd(body, at, end);
  const value = parseFloatText(body.toString('latin1', at, stop));
  if (value === undefined) return -1;
  if (Number.isNaN(value)) writeNaN(out, index);
  else out[index] = value;
  return stop;
}

function tokenEnd(body: Buffer, at: number, end: number): number {
  let pos = at;
  while (pos < end) {
    const c = body[pos]!;
    if (c === 10 || c === 32 || c === 9) break;
    pos++;
  }
  return pos;
}

function writeNaN(out: Float64Array, index: number): void {
  const words = new Uint32Array(out.buffer, out.byteOffset + index * 8, 2);
  words[0] = NAN_LOW;
  words[1] = NAN_HIGH;
}

/** As Go's `strconv.FormatFloat(value, 'g', -1, 64)` writes it: the shortest text that reads back the same. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [digits, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  const size = Math.abs(power).toString().padStart(2, '0');
  return `${digits}e${power < 0 ? '-' : '+'}${size}`;
}

/** As Prometheus writes `le` and `quantile`: like formatFloat, with `.0` after a whole number, and no -0. */
export function formatBound(value: number): string {
  const text = formatFloat(value + 0);
  return /[e.nN]/.test(text) ? text : `${text}.0`;
}
