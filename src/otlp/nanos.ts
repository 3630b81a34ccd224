/** OTLP's times: nanoseconds since the epoch in 64 bits, from our milliseconds, without a BigInt a sample. */
export interface Nanos {
  low: number;
  high: number;
}

/** The two 32-bit words of `ms` in nanoseconds, exact for whole milliseconds. What is not a time past the epoch gives 0, "unknown". */
export function nanosOf(ms: number, into: Nanos = { low: 0, high: 0 }): Nanos {
  if (!(ms > 0 && ms < 2 ** 44)) {
    into.low = 0;
    into.high = 0;
    return into;
  }
  const whole = Math.floor(ms);
  // whole = top × 2^20 + rest, so that every product below stays under 2^53.
  const top = Math.floor(whole / 2 ** 20) * 1e6;
  const sum = (top % 4096) * 2 ** 20 + (whole % 2 ** 20) * 1e6 + Math.round((ms - whole) * 1e6);
  into.low = (sum % 2 ** 32) | 0;
  into.high = Math.floor(top / 4096) + Math.floor(sum / 2 ** 32);
  return into;
}

/** `1700000000000000000` for 1700000000000 ms, as OTLP/JSON writes it. */
export function nanosText(ms: number): string {
  if (!(ms > 0 && ms < 2 ** 44)) return '0';
  const whole = Math.floor(ms);
  const rest = Math.round((ms - whole) * 1e6);
  return rest === 1e6 ? `${whole + 1}000000` : `${whole}${String(rest).padStart(6, '0')}`;
}
