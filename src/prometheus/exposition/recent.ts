import { stands } from './strings.ts';

/**
 * Names and values of labels as they were last read, by their place in the series. Most come again in the next series, and in the
 * next page: one string for all is less to make and to keep.
 */
const recent: string[] = [];
/** What hostile pages could make of it is some kilobytes. */
const PLACES = 64;
const LONGEST = 64;

/** The text at that place that stands in `body` at `from`; undefined when it is another. */
export function recentAt(place: number, body: Buffer, from: number): string | undefined {
  const text = recent[place];
  if (text === undefined || from + text.length > body.length) return undefined;
  return stands(text, body, from) ? text : undefined;
}

/** To be told of texts that mean the same wherever these bytes stand: ASCII without escapes and line feeds. */
export function remember(place: number, text: string): void {
  if (place >= PLACES || text.length > LONGEST) return;
  while (recent.length < place) recent.push('');
  recent[place] = text;
}
