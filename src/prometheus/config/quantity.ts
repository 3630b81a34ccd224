/** Durations and sizes as Prometheus' own configuration reads them, which is stricter than Go's. */

const UNITS: readonly (readonly [string, number])[] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** Go's time.Duration ends at 2^63 ns, about 292 years. */
const LONGEST = 2 ** 63 / 1e6;

/**
 * Milliseconds, as prometheus/common's model.ParseDuration reads them: whole numbers, units from the largest to the
 * smallest and each at most once, `0` without a unit, nothing negative. Throws an Error that says what is wrong.
 */
export function parsePromDuration(text: string): number {
  if (text === '0') return 0;
  if (text === '') throw new Error('empty duration string');
  const wrong = `not a valid duration string: ${JSON.stringify(text)}`;
  let total = 0;
  let position = -1;
  let rest = text;
  while (rest) {
    const part = /^(\d+)(\D+)/.exec(rest);
    if (!part) throw new Error(wrong);
    const at = UNITS.findIndex(([unit]) => unit === part[2]);
    if (at < 0) throw new Error(`unknown unit ${JSON.stringify(part[2])} in duration ${JSON.stringify(text)}`);
    if (at <= position) throw new Error(wrong);
    position = at;
    total += Number(part[1]) * UNITS[at]![1];
    rest = rest.slice(part[0].length);
  }
  if (total >= LONGEST) throw new Error('duration out of range');
  return total;
}

/** `90000` as `1m30s`, as model.Duration writes it: years and weeks only where nothing is left over. */
export function formatPromDuration(ms: number): string {
  let rest = Math.floor(ms);
  if (rest <= 0) return '0s';
  let text = '';
  for (const [unit, length] of UNITS) {
    if ((unit === 'y' || unit === 'w') && rest % length !== 0) continue;
    const n = Math.floor(rest / length);
    if (n > 0) text += `${n}${unit}`;
    rest -= n * length;
  }
  return text;
}

/**
 * Bytes, as alecthomas/units' ParseBase2Bytes reads them: `15MB` and `15MiB` are both 1024-based, a unit is a must (but for
 * `0`), and `1GB512MB` adds up. Undefined when it is none.
 */
export function parseBase2Bytes(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^((\d+\.?\d*|\.\d+)([KMGTPE]i?B|B))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)([KMGTPE]?)i?B/g)) {
    total += Number(amount) * 1024 ** (unit ? 'KMGTPE'.indexOf(unit) + 1 : 0);
  }
  return Math.floor(total);
}
