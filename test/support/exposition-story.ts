/** A target's pages, one after the other, by a seed: series come and go, values and timestamps are what they like, scrapes fail. */
import { random } from './random.ts';

export interface Page {
  status: number;
  contentType: string;
  body: string;
}

interface Line {
  /** Name and labels, as the page spells them. */
  series: string;
  value: () => string;
  /** Given, the page says when the sample was. */
  stamped?: true;
  /** Whether its exemplars say when they were; a source does that always or never. */
  exemplar?: 'stamped' | 'plain';
}
interface Family {
  header: string;
  lines: Line[];
}

const TEXTS = ['', 'a', 'x y', 'ü', 'a\\\\b', 'q\\"q', 'n\\nn', '{}', '=,', '0'];

/** `start`: where stamped samples begin, in milliseconds since the epoch. */
export function exposition(seed: number, start: number): (n: number) => Page {
  const next = random(seed);
  const isOpen = next() < 0.5;
  const families = makeFamilies(next, isOpen);
  const made: Page[] = [];

  function page(n: number): Page {
    if (n > 2 && next() < 0.12) return broken(next);
    const lines: string[] = [];
    for (const { header, lines: own } of families) {
      const there = own.filter(() => next() > 0.08);
      if (there.length > 0) lines.push(header);
      for (const one of there) lines.push(one.series + rest(one, n));
    }
    if (isOpen) lines.push('# EOF');
    const contentType = isOpen ? 'application/openmetrics-text; version=1.0.0' : 'text/plain; version=0.0.4';
    return { status: 200, contentType, body: `${lines.join('\n')}\n` };
  }

  function rest({ value, stamped, exemplar }: Line, n: number): string {
    // Mostly forward, now and then the same moment again or back.
    const time = start + n * 500 - (next() < 0.15 ? 700 : 0);
    const stamp = stamped ? ` ${isOpen ? time / 1000 : time}` : '';
    const shown = exemplar && next() < 0.5;
    const when = exemplar === 'stamped' ? ` ${start / 1000 + n}` : '';
    return ` ${value()}${stamp}${shown ? ` # {trace_id="${n}"} ${n}${when}` : ''}`;
  }

  return (n) => {
    while (made.length <= n) made.push(page(made.length));
    return made[n]!;
  };
}

function broken(next: () => number): Page {
  const kind = next();
  if (kind < 0.4) return { status: 500, contentType: 'text/plain', body: 'no' };
  // At its first sample: of one that breaks later, Prometheus counts what came before, though it keeps nothing of it.
  return { status: 200, contentType: 'text/plain; version=0.0.4', body: kind < 0.7 ? 'b{ 2\nf0 1\n' : 'a one\n' };
}

function makeFamilies(next: () => number, isOpen: boolean): Family[] {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(next() * items.length)]!;
  const count = () => 1 + Math.floor(next() * 5);
  let total = 0;
  const rising = () => {
    total += next() < 0.3 ? 0 : Math.floor(next() * 1e6);
    return String(total);
  };
  const any = () =>
    pick([
      () => 'NaN',
      () => '+Inf',
      () => '-Inf',
      () => '0',
      () => '-0',
      () => '5e-324',
      () => '1.7976931348623157e+308',
      () => String(Math.floor(next() * 1e6)),
      () => String(next() - 0.5),
      () => (next() * 1e-9).toExponential(),
    ])();
  const labels = (i: number, more = '') => `{i="${i}",text="${pick(TEXTS)}"${more && `,${more}`}}`;
  const line = (series: string, value: () => string, stamped = false, exemplar = false): Line => ({
    series,
    value,
    ...(stamped && { stamped }),
    ...(exemplar && isOpen && { exemplar: next() < 0.5 ? 'stamped' : 'plain' }),
  });
  const kinds = [
    (name: string) => {
      const all = Array.from({ length: count() }, (_, i) => labels(i));
      const totals = all.map((own) => line(`${name}_total${own}`, rising, false, next() < 0.5));
      const created = all.map((own) => line(`${name}_created${own}`, () => '1700000000.123'));
      const isTold = isOpen && next() < 0.5;
      return {
        header: `# TYPE ${name}${isOpen ? '' : '_total'} counter`,
        lines: isTold ? totals.flatMap((total, i) => [total, created[i]!]) : totals,
      };
    },
    (name: string) => {
      const stamped = next() < 0.4;
      return {
        header: `# HELP ${name} Some.\n# TYPE ${name} gauge`,
        lines: Array.from({ length: count() }, (_, i) => line(`${name}${labels(i)}`, any, stamped)),
      };
    },
    (name: string) => ({
      header: `# TYPE ${name} histogram`,
      lines: [
        ...['0.5', '2.5', '+Inf'].map((le) => line(`${name}_bucket{le="${le}"}`, rising, false, next() < 0.5)),
        line(`${name}_sum`, rising),
        line(`${name}_count`, rising),
      ],
    }),
    (name: string) => ({
      header: `# TYPE ${name} summary`,
      lines: [
        ...['0.5', '0.99'].map((q) => line(`${name}{quantile="${q}"}`, any)),
        line(`${name}_sum`, rising),
        line(`${name}_count`, rising),
      ],
    }),
    (name: string) => ({
      header: `# TYPE ${name} ${isOpen ? 'unknown' : 'untyped'}`,
      lines: Array.from({ length: count() }, (_, i) => line(`${name}${labels(i, 'job="other"')}`, any)),
    }),
  ];
  return Array.from({ length: 6 + Math.floor(next() * 6) }, (_, i) => pick(kinds)(`f${i}`));
}
