/** Issues as a compiler would show them. */
import type { Excerpts } from './excerpts.ts';
import type { Issue } from './issue.ts';
import { isSecretKey } from './redact.ts';

const MAX_SHOWN = 100;

/**
 * ```
 * config/agent.yaml:14:5: receivers.dnsmasq.sampling_intervl: is not an option; did you mean sampling_interval?
 *   14 |     sampling_intervl: 100ms
 *      |     ^^^^^^^^^^^^^^^^
 * ```
 */
export function formatIssues(issues: readonly Issue[], excerpts: Excerpts): string {
  const shown = issues.slice(0, MAX_SHOWN).map((issue) => formatIssue(issue, excerpts));
  const more = issues.length - shown.length;
  return shown.join('') + (more > 0 ? `… and ${more} more\n` : '');
}

function formatIssue(issue: Issue, excerpts: Excerpts): string {
  const { path, place, severity } = issue;
  const where = place.file ? `${place.file}:${place.line}:${place.column}: ` : '';
  const head = `${where}${severity === 'warning' ? 'warning: ' : ''}${path ? `${shortened(path)}: ` : ''}${issue.message}`;
  const excerpt = excerpts(place, isMisspeltSecret(issue));
  if (!excerpt) return `${oneLine(head)}\n`;
  const number = `  ${place.line} `;
  const caret = ' '.repeat(excerpt.column) + '^'.repeat(excerpt.length);
  return `${oneLine(head)}\n${number}| ${oneLine(excerpt.text)}\n${' '.repeat(number.length)}| ${caret}\n`;
}

/** `passwrod: hunter2` is not known to be a secret, but it was meant to be one. */
const isMisspeltSecret = ({ message }: Issue) => isSecretKey(/did you mean ([^?]+)\?/.exec(message)?.[1] ?? '');

/** A path of a hundred steps is told by its ends. */
const shortened = (path: string) => (path.length > 160 ? `${path.slice(0, 110)}…${path.slice(-40)}` : path);

/** Control characters of a configuration do not reach the terminal. */
const oneLine = (text: string) =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '·');
