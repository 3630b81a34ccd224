/** What a hostile test is: a threat, what it measures, and the number that holds. */

/** One number of a threat. */
export interface Measure {
  what: string;
  measured: string;
  hold: string;
  ok: boolean;
}

export interface Threat {
  /** As facts and documents name it, such as `T01`. */
  id: string;
  title: string;
  /** Nothing else may run meanwhile: it measures memory, CPU time or stalls close to their limits. */
  alone?: boolean;
  /** Takes long, and mostly waits. */
  patient?: boolean;
  run(lab: Lab): Promise<Measure[]>;
}

/** Where a threat is tried out. */
export interface Lab {
  /** Whether minutes may be spent where the short form takes less. */
  readonly long: boolean;
  /** Called, the last first, when the threat is over, however it ended. */
  defer(end: () => unknown): void;
}

const shown = (value: number, unit: string): string => {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)}${unit && ` ${unit}`}`;
};

export const atMost = (what: string, value: number, limit: number, unit = ''): Measure => ({
  what,
  measured: shown(value, unit),
  hold: `≤ ${shown(limit, unit)}`,
  ok: value <= limit,
});

export const atLeast = (what: string, value: number, limit: number, unit = ''): Measure => ({
  what,
  measured: shown(value, unit),
  hold: `≥ ${shown(limit, unit)}`,
  ok: value >= limit,
});

export const between = (what: string, value: number, low: number, high: number, unit = ''): Measure => ({
  what,
  measured: shown(value, unit),
  hold: `${shown(low, '')} … ${shown(high, unit)}`,
  ok: value >= low && value <= high,
});

export const equal = (what: string, value: string | number | boolean, wanted: string | number | boolean): Measure => ({
  what,
  measured: String(value),
  hold: String(wanted),
  ok: value === wanted,
});

/** A text that must match, cut for the table. */
export const says = (what: string, text: string | undefined, pattern: RegExp): Measure => ({
  what,
  measured: (text ?? 'nothing').replace(/\s+/g, ' ').slice(0, 120),
  hold: String(pattern),
  ok: pattern.test(text ?? ''),
});

/** Says what is not measured here, and why. */
export const note = (what: string, why: string): Measure => ({ what, measured: why, hold: '–', ok: true });

export const sum = (values: Iterable<number>): number => [...values].reduce((all, one) => all + one, 0);

/** Of nothing: infinity, so that what was never measured holds no limit. */
export function most(values: Iterable<number>): number {
  const all = [...values];
  return all.length ? all.reduce((a, b) => Math.max(a, b)) : Number.POSITIVE_INFINITY;
}

export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.POSITIVE_INFINITY;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
