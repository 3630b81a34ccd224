import { parseDuration } from '#config';
import { option, type Stanza } from './stanza.ts';

/** The time that a stanza's option gives, in milliseconds; undefined when CoreDNS would refuse it. */
export function duration(stanza: Stanza, name: string, byDefault: number): number | undefined {
  const line = option(stanza, name);
  if (!line) return byDefault;
  const value = parseDuration(line.args[0]?.text ?? '');
  return value !== undefined && value >= 0 ? value : undefined;
}

/** The number that a stanza's option gives. */
export function count(stanza: Stanza, name: string, byDefault: number): number | undefined {
  const line = option(stanza, name);
  return line ? wholeNumber(line.args[0]?.text) : byDefault;
}

/** Undefined for what Go's strconv.Atoi refuses, and for what is negative. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\+?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
