/** The exposition text of the remote-write suites, read line by line and apart from the parser under test. */

export interface PlainSample {
  labels: Record<string, string>;
  value: number;
  /** Milliseconds, where the page gives one. */
  time?: number;
  exemplar?: { labels: Record<string, string>; value: number; time?: number };
  type: string;
  help: string;
}

const PARTS = ['_bucket', '_sum', '_count', '_total', '_created', ''];

/** `openMetrics`: timestamps are seconds. Throws on what is no sample. */
export function readPlain(text: string, openMetrics: boolean): PlainSample[] {
  const types = new Map<string, string>();
  const helps = new Map<string, string>();
  const samples: PlainSample[] = [];
  for (const line of text.split('\n')) {
    const [, what, family = '', rest = ''] = /^# (TYPE|HELP) (\S+) ?(.*)$/.exec(line) ?? [];
    if (what === 'TYPE') types.set(family, rest);
    if (what === 'HELP') helps.set(family, rest.replaceAll('\\n', '\n').replaceAll('\\\\', '\\'));
    if (line === '' || line.startsWith('#')) continue;
    samples.push({ ...sampleOf(line, openMetrics), type: '', help: '' });
  }
  for (const sample of samples) {
    const name = sample.labels.__name__!;
    const family = PARTS.filter((part) => name.endsWith(part))
      .map((part) => name.slice(0, name.length - part.length))
      .find((base) => types.has(base) && (base === name || types.get(base) !== 'gauge'));
    sample.type = types.get(family ?? name) ?? 'unknown';
    sample.help = helps.get(family ?? name) ?? '';
  }
  return samples;
}

function sampleOf(line: string, openMetrics: boolean): Omit<PlainSample, 'type' | 'help'> {
  const [own = '', exemplar] = line.split(' # ');
  const [, name, braces = '', value = '', stamp] = /^([^\s{]+)(\{.*\})? (\S+)(?: (\S+))?$/.exec(own) ?? [];
  if (!name) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = { __name__: name };
  Object.assign(labels, labelsOf(braces));
  const [, inside, of = '', at] = /^(\{.*\}) (\S+)(?: (\S+))?$/.exec(exemplar ?? '') ?? [];
  return {
    labels,
    value: numberOf(value),
    ...(stamp && { time: Math.trunc(Number(stamp) * (openMetrics ? 1000 : 1)) }),
    ...(inside && {
      exemplar: { labels: labelsOf(inside), value: numberOf(of), ...(at && { time: Math.trunc(Number(at) * 1000) }) },
    }),
  };
}

/** Without empty values, which are none. Numbers in `le` and `quantile` as Prometheus 3 writes them. */
function labelsOf(braces: string): Record<string, string> {
  const pairs = [...braces.matchAll(/([^\s{,="]+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', text = '']) => {
    const value = text.replaceAll('\\n', '\n').replaceAll('\\"', '"').replaceAll('\\\\', '\\');
    return [name, /^(le|quantile)$/.test(name) && /^\d+$/.test(value) ? `${value}.0` : value] as const;
  });
  return Object.fromEntries(pairs.filter(([, value]) => value !== ''));
}

const numberOf = (text: string): number => {
  const value = Number(text.replace(/^([+-]?)Inf$/, '$1Infinity'));
  if (Number.isNaN(value) && text !== 'NaN') throw new Error(`no number: ${text}`);
  return value;
};
