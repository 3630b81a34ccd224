/**
 * The kernel's small text formats (Documentation/admin-guide/cgroup-v2.rst, "Format"; accounting/psi.rst). Pure: text in,
 * numbers out. Counts reach 2^64 − 1, past what a double holds exactly: each is rounded once, correctly.
 */

/**
 * An unsigned decimal; undefined for anything else, and for `max`. A negative number, which some kernels print for a
 * counter that was corrected below zero, is 0.
 */
export function parseCount(text: string): number | undefined {
  const digits = text.trim();
  if (/^\d+$/.test(digits)) return Number(digits);
  return /^-\d+$/.test(digits) ? 0 : undefined;
}

/** A count in units of 10^-`decimals`: `usage_usec` (6) or `cpuacct.usage` (9) in seconds. */
export function parseScaled(text: string, decimals: number): number | undefined {
  const digits = text.trim();
  if (!/^\d+$/.test(digits)) return parseCount(digits);
  // Up to 15 digits the integer is exact, and one division rounds once; past that only the decimal parser does.
  return digits.length <= 15 ? Number(digits) / 10 ** decimals : Number(`${digits}e-${decimals}`);
}

/** `KEY VALUE` a line. Values stay text, because their unit depends on the key; a line of another shape is left out. */
export function parseFlatKeyed(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [key, value, more] = line.trim().split(/\s+/, 3);
    if (key && value !== undefined && more === undefined) entries.set(key, value);
  }
  return entries;
}

/** Every line's first word, with what `NAME=VALUE` pairs stand behind it: `io.stat`, `cpu.pressure`. */
export function parseNestedKeyed(text: string): Map<string, Map<string, string>> {
  const entries = new Map<string, Map<string, string>>();
  for (const line of text.split('\n')) {
    const [key, ...pairs] = line.trim().split(/\s+/);
    const inner = new Map<string, string>();
    for (const pair of pairs) {
      const at = pair.indexOf('=');
      if (at > 0) inner.set(pair.slice(0, at), pair.slice(at + 1));
    }
    if (key && inner.size) entries.set(key, inner);
  }
  return entries;
}

/** One line of a pressure file. */
export interface Pressure {
  /** `some`: at least one task waits; `full`: all of them do. */
  kind: 'some' | 'full';
  /** Shares of time, 0 to 1, over the last 10, 60 and 300 seconds; the file has percent. */
  avg10: number;
  avg60: number;
  avg300: number;
  /** Seconds waited since the cgroup was made. */
  total: number;
}

/** A pressure-stall file; lines that are not as documented are left out. */
export function parsePressure(text: string): Pressure[] {
  const lines: Pressure[] = [];
  for (const [kind, fields] of parseNestedKeyed(text)) {
    const share = (name: string) => Number(fields.get(name) ?? Number.NaN) / 100;
    const [avg10, avg60, avg300] = [share('avg10'), share('avg60'), share('avg300')];
    const total = parseScaled(fields.get('total') ?? '', 6);
    const sound = total !== undefined && !Number.isNaN(avg10 + avg60 + avg300);
    if (sound && (kind === 'some' || kind === 'full')) lines.push({ kind, avg10, avg60, avg300, total });
  }
  return lines;
}

/** cgroup v1's blkio files: `8:0 Read 4096` a line. The device, the operation and the text of the count. */
export function parseBlkio(text: string): { device: string; operation: string; count: string }[] {
  const found: { device: string; operation: string; count: string }[] = [];
  for (const line of text.split('\n')) {
    const [, device, operation, count] = /^(\d+:\d+) (\w+) (\d+)$/.exec(line) ?? [];
    if (device && operation && count) found.push({ device, operation, count });
  }
  return found;
}
