/** Markdown tables for READMEs, and the markers that they stand between. */
import type { MetricDeclaration } from '#component';
import type { OptionRow } from '../src/config/schema.ts';

export function optionTable(rows: readonly OptionRow[]): string {
  if (!rows.length) return 'It has no options.';
  return table(
    ['option', 'type', 'default', 'what it does'],
    rows.map(({ key, type, default: value, doc }) => [code(key), type, shown(value), doc]),
  );
}

export function metricTable(metrics: readonly MetricDeclaration[]): string {
  if (!metrics.length) return 'It makes none of its own; the agent counts what passes through every component.';
  return table(
    ['metric', 'type', 'labels', 'what it says'],
    metrics.map(({ name, type, labels, help }) => [code(name), type, (labels ?? []).map(code).join(', '), help]),
  );
}

const code = (text: string) => `\`${text}\``;

/** `"10s"` as the YAML has it, without the quotes. */
function shown(value: string): string {
  if (value === '' || value === 'required') return value === '' ? '' : '**required**';
  const text = /^"[^"\\]+"$/.test(value) ? value.slice(1, -1) : value;
  return code(text);
}

/** Columns are padded to their widest cell, as the formatter wants them. */
function table(head: readonly string[], rows: readonly string[][]): string {
  const cells = [head, ...rows].map((row) => row.map(cell));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => width(row[column]!))));
  const line = (row: readonly string[]) =>
    `| ${row.map((text, column) => text + ' '.repeat(widths[column]! - width(text))).join(' | ')} |`;
  const [first, ...rest] = cells;
  return [line(first!), line(widths.map((n) => '-'.repeat(n))), ...rest.map(line)].join('\n');
}

const width = (text: string) => [...text].length;

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const MARKED = /(<!-- generated:(\w+) -->\n)([\s\S]*?)(<!-- \/generated -->)/g;

/** The text with each table between its markers; or what is wrong with the markers. Those of `needed` must be there. */
export function fillMarkers(
  text: string,
  tables: Readonly<Record<string, string>>,
  needed: readonly string[],
): string | { problem: string } {
  const marked = new Set([...text.matchAll(MARKED)].map((match) => match[2]!));
  const missing = needed.find((name) => !marked.has(name));
  if (missing) return { problem: `has no <!-- generated:${missing} --> … <!-- /generated --> to put a table between` };
  const idle = [...marked].find((name) => !Object.hasOwn(tables, name));
  if (idle) return { problem: `has markers for generated:${idle}, but nothing is generated for it` };
  return text.replace(
    MARKED,
    (_all, open: string, name: string, _old, close) => `${open}\n${tables[name]}\n\n${close}`,
  );
}
