/** What came of a run: lines while it goes, a table of all, and the same as JSON and Markdown. */
import { execFileSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { PROJECT } from './agent.ts';
import type { Measure, Threat } from './threat.ts';

export interface Outcome {
  id: string;
  title: string;
  seconds: number;
  measures: Measure[];
  /** What kept it from being measured at all. */
  broken?: string;
}

export interface Run {
  date: string;
  commit: string;
  node: string;
  machine: string;
  form: 'short' | 'long';
  outcomes: Outcome[];
}

export const passed = ({ measures, broken }: Outcome): boolean => !broken && measures.every(({ ok }) => ok);

export function describeRun(form: Run['form'], outcomes: Outcome[]): Run {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: PROJECT, encoding: 'utf8' }).trim(),
    node: process.version,
    machine: `${cpus().length} CPUs, Linux ${release().split('-')[0]}`,
    form,
    outcomes,
  };
}

/** The lines of one threat. */
export function lines(outcome: Outcome): string {
  const { id, title, seconds, measures, broken } = outcome;
  const width = Math.max(...measures.map(({ what }) => what.length), 0);
  const rows = measures.map(
    ({ what, measured, hold, ok }) => `      ${ok ? ' ' : '!'} ${what.padEnd(width)}  ${measured}  (${hold})`,
  );
  if (broken) rows.push(`      ! ${broken.replaceAll('\n', '\n        ')}`);
  return [`  ${passed(outcome) ? '✓' : '✗'} ${id} ${title} (${seconds.toFixed(1)} s)`, ...rows].join('\n');
}

/** Counts as mocha closes with, so that whoever adds up test runs can add these. */
export function counts(outcomes: readonly Outcome[]): string {
  const good = outcomes.filter(passed).length;
  const bad = outcomes.length - good;
  return `  ${good} passing\n${bad ? `  ${bad} failing\n` : ''}`;
}

export function markdown({ date, commit, node, machine, form, outcomes }: Run): string {
  const rows = outcomes.flatMap((outcome) => {
    const { id, title, measures, broken } = outcome;
    const all = broken ? [...measures, { what: 'broken', measured: broken, hold: '', ok: false }] : measures;
    return all.map(({ what, measured, hold, ok }, i) =>
      row(i ? '' : `${id} ${title}`, what, measured, hold, ok ? 'holds' : '**misses**'),
    );
  });
  const held = outcomes.filter(passed).length;
  return [
    `${held} of ${outcomes.length} threats hold. ${form === 'long' ? 'Long' : 'Short'} form, ${date}, commit ${commit}, Node ${node}, ${machine}.`,
    '',
    row('threat', 'what', 'measured', 'must be', ''),
    row('---', '---', '---', '---', '---'),
    ...rows,
    '',
  ].join('\n');
}

const row = (...cells: string[]): string =>
  `| ${cells.map((cell) => cell.replace(/\s+/g, ' ').replaceAll('|', '\\|')).join(' | ')} |`;

export const unknown = (ids: readonly string[], threats: readonly Threat[]): string[] =>
  ids.filter((id) => !threats.some((threat) => threat.id === id));
