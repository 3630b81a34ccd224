/** Looking into JSON that somebody else wrote: what is not of the kind that is looked for is as good as missing. */
export type Raw = Readonly<Record<string, unknown>>;

const NOTHING: Raw = Object.freeze(Object.create(null));

export function mapIn(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : NOTHING;
}
export function listIn(value: unknown): readonly Raw[] {
  return Array.isArray(value) ? value.map(mapIn) : [];
}
export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textIn) : [];
}
export function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
export function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
export function boolIn(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

/** `[name, value, name, value, …]`: names are anybody's, `__proto__` among them, so they never become properties of ours. */
export type Pairs = readonly string[];

export function pairsIn(value: unknown): Pairs {
  const pairs: string[] = [];
  for (const [name, text] of Object.entries(mapIn(value))) if (typeof text === 'string') pairs.push(name, text);
  // A copy has no room to grow.
  return pairs.slice();
}
