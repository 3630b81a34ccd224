/** Durations and sizes as Go, the Collector and Prometheus write them. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  y: 365 * 86_400_000,
};

/** Milliseconds, or undefined when it is not a duration. `0` needs no unit; `d`, `w`, `y` are Prometheus'. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const signed = /^([+-]?)(.+)$/.exec(text);
  if (!signed) return undefined;
  let total = 0;
  let rest = signed[2]!;
  while (rest) {
    const part = /^(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h|d|w|y)/.exec(rest);
    if (!part) return undefined;
    total += Number(part[1]) * UNIT_MS[part[2]!]!;
    rest = rest.slice(part[0].length);
  }
  return signed[1] === '-' ? -total : total;
}

/** `90000` as `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  let text = '';
  let rest = ms;
  for (const [unit, length] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const) {
    const n = Math.floor(rest / length);
    if (n) text += `${n}${unit}`;
    rest -= n * length;
  }
  return rest ? `${text}${+rest.toFixed(6)}ms` : text;
}

const SIZE_UNITS = ['B', 'K', 'M', 'G', 'T', 'P', 'E'];

/** `4194304` as `4MiB`. */
export function formatSize(bytes: number): string {
  let power = 0;
  while (power < SIZE_UNITS.length - 1 && bytes > 0 && bytes % 1024 ** (power + 1) === 0) power++;
  return power ? `${bytes / 1024 ** power}${SIZE_UNITS[power]}iB` : `${bytes}B`;
}

/** Bytes, or undefined. Like Prometheus' units, `MB` and `MiB` are both 1024-based. */
export function parseSize(text: string): number | undefined {
  const part = /^(\d+(?:\.\d+)?)\s*([KMGTPE]?)(i?)(B?)$/i.exec(text.trim());
  if (!part || (part[3] && !part[2])) return undefined;
  const power = part[2] ? SIZE_UNITS.indexOf(part[2].toUpperCase()) : 0;
  return Math.round(Number(part[1]) * 1024 ** power);
}
