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

function table(head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const MARKED = /(<!-- generated:(\w+) -->\n)([\s\S]*?)(<!-- \/generated -->)/g;

/** The text with each table between its markers; or what is wrong with the markers. */
export function fillMarkers(text: string, tables: Readonly<Record<string, string>>): string | { problem: string } {
  const marked = new Set([...text.matchAll(MARKED)].map((match) => match[2]!));
  const missing = Object.keys(tables).find((name) => !marked.has(name));
  if (missing) return { problem: `has no <!-- generated:${missing} --> … <!-- /generated --> to put a table between` };
  const idle = [...marked].find((name) => !Object.hasOwn(tables, name));
  if (idle) return { problem: `has markers for generated:${idle}, but the component declares nothing to put there` };
  return text.replace(
    MARKED,
    (_all, open: string, name: string, _old, close) => `${open}\n${tables[name]}\n\n${close}`,
  );
}
