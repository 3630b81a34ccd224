/** An exposition page as a test compares it; read apart from the parser under test, for pages of sound programs. */

export interface Page {
  /** By `name{a="1",b="2"}`, labels sorted and without empty ones, which Prometheus takes for none. */
  readonly samples: ReadonlyMap<string, number>;
  /** The TYPE of each family. */
  readonly types: ReadonlyMap<string, string>;
}

export async function fetchPage(url: string, accept = 'text/plain'): Promise<string> {
  const response = await fetch(url, { headers: { accept } });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text;
}

export async function readPage(url: string, options: Parameters<typeof parsePage>[1] = {}): Promise<Page> {
  return parsePage(await fetchPage(url), options);
}

/** `le="0"` of one text format is `le="0.0"` in the other. */
const canonical = (label: string, text: string): string =>
  `${label}="${/^(le|quantile)$/.test(label) ? numberOf(text) : text}"`;

/** `extra` labels are put on every sample; those named in `without` are left out. */
export function parsePage(
  text: string,
  { extra = {}, without = [] }: { extra?: Readonly<Record<string, string>>; without?: readonly string[] } = {},
): Page {
  const more = Object.entries(extra).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, family, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (family && type) types.set(family, type);
    const [, name, , labels = '', value] = /^([^\s#{]+)(\{(.*)\})? (\S+)( \d+)?$/.exec(line) ?? [];
    if (!name || value === undefined) continue;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
      .filter(([, label, text]) => text !== '' && !without.includes(label!))
      .map(([, label, text]) => canonical(label!, text!))
      .concat(more)
      .sort();
    samples.set(`${name}{${pairs.join(',')}}`, numberOf(value));
  }
  return { samples, types };
}

function numberOf(text: string): number {
  return Number(text.replace(/^([+-]?)Inf$/, '$1Infinity'));
}

/** The same key for what Prometheus answers. */
export function keyOf(labels: Readonly<Record<string, string>>, without: readonly string[] = []): string {
  const pairs = Object.entries(labels)
    .filter(([name, value]) => name !== '__name__' && value !== '' && !without.includes(name))
    .map(([name, value]) => canonical(name, JSON.stringify(value).slice(1, -1)))
    .sort();
  return `${labels.__name__}{${pairs.join(',')}}`;
}

/** Sorted, without what no two looks at a program give alike: its own time and memory, and the scrapes themselves. */
export function steady(samples: ReadonlyMap<string, number>, only = /./): [string, number][] {
  const restless = /^(go_|process_|promhttp_|scrape_|coredns_health_|otelcol_)/;
  return [...samples].filter(([key]) => only.test(key) && !restless.test(key)).sort(([a], [b]) => (a < b ? -1 : 1));
}
