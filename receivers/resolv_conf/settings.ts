import { absolute, isAbsolute, type ResolvConf } from '#dns';
import type { Gathering } from '#kit';
import { METRICS } from './metrics.ts';

export interface Expectations {
  /** Addresses; empty when nothing is expected. */
  readonly nameservers: readonly string[];
  readonly externalName: string;
}

/** What a file says; undefined when there is none. */
export function addSettings(
  gathering: Gathering,
  labels: Readonly<Record<string, string>>,
  settings: ResolvConf | undefined,
  { nameservers, externalName }: Expectations,
): void {
  const add = (metric: (typeof METRICS)[keyof typeof METRICS], value: number, more?: Record<string, string>) =>
    gathering.add(metric, { ...labels, ...more }, value);
  add(METRICS.exists, settings ? 1 : 0);
  if (!settings) return;
  add(METRICS.nameservers, settings.allNameservers.length);
  settings.nameservers.forEach((nameserver, i) => {
    add(METRICS.nameserver, 1, { nameserver, position: String(i + 1) });
    if (nameservers.length) add(METRICS.expected, nameservers.includes(nameserver) ? 1 : 0, { nameserver });
  });
  add(METRICS.searches, settings.search.length);
  settings.search.forEach((domain, i) => {
    add(METRICS.search, 1, { domain, position: String(i + 1) });
  });
  add(METRICS.ndots, settings.ndots);
  add(METRICS.timeout, settings.timeout);
  add(METRICS.attempts, settings.attempts);
  for (const option of settings.options) add(METRICS.option, 1, { option });
  add(METRICS.ignored, settings.ignored.length);
  add(METRICS.queries, queriesFor(externalName, settings));
}

/**
 * A name with fewer dots than ndots is tried behind each search domain before it is tried as it is; each try asks for A and
 * for AAAA. A name that ends in a dot, or has dots enough, is tried as it is first, and found.
 */
export function queriesFor(name: string, { ndots, search, noAaaa }: ResolvConf): number {
  const dots = absolute(name).split('.').length - 2;
  const tries = isAbsolute(name) || dots >= ndots ? 1 : search.length + 1;
  return tries * (noAaaa ? 1 : 2);
}
