import { BACKSLASH, QUOTE } from './chars.ts';

/** Whether a byte behind a backslash makes an escape that the formats know. */
export function isEscape(c: number): boolean {
  return c === BACKSLASH || c === QUOTE || c === 110;
}

/** Of label values, quoted names and OpenMetrics' HELP. An unknown escape stays as it is. */
export function unescapeQuoted(text: string): string {
  return text.replace(/\\[\\n"]/g, (found) => (found === '\\n' ? '\n' : found[1]!));
}

/** Of the text format's HELP, where a quote is not escaped. */
export function unescapeHelp(text: string): string {
  return text.replace(/\\[\\n]/g, (found) => (found === '\\n' ? '\n' : '\\'));
}
