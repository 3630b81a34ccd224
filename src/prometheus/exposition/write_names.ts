/** Names that are not Prometheus' classic ones, as a reader who asked for them may have them (prometheus/common model). */

/** What the reader's `escaping` parameter asks for. */
export type Escaping = 'allow-utf-8' | 'underscores' | 'dots' | 'values';

export const ESCAPINGS: readonly Escaping[] = ['allow-utf-8', 'underscores', 'dots', 'values'];

const CLASSIC_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const CLASSIC_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export const isClassicMetric = (name: string): boolean => CLASSIC_METRIC.test(name);
export const isClassicLabel = (name: string): boolean => CLASSIC_LABEL.test(name);

export const escapeMetric = (name: string, escaping: Escaping): string => escaped(name, escaping, CLASSIC_METRIC, ':');
export const escapeLabel = (name: string, escaping: Escaping): string => escaped(name, escaping, CLASSIC_LABEL, '');

function escaped(name: string, escaping: Escaping, classic: RegExp, extra: string): string {
  if (escaping === 'allow-utf-8') return name;
  // Dots escape the underscore too, so that the way back is clear, even in a classic name.
  if (escaping !== 'dots' && classic.test(name)) return name;
  const fits = (char: string, index: number) =>
    /[a-zA-Z_]/.test(char) || char === extra || (index > 0 && /\d/.test(char));
  const chars = [...name];
  if (escaping === 'underscores') return chars.map((c, i) => (fits(c, i) ? c : '_')).join('');
  if (escaping === 'dots') {
    return chars.map((c, i) => (c === '_' ? '__' : c === '.' ? '_dot_' : fits(c, i) ? c : '__')).join('');
  }
  const hex = (c: string) => `_${c.codePointAt(0)!.toString(16)}_`;
  return `U__${chars.map((c, i) => (c === '_' ? '__' : fits(c, i) ? c : hex(c))).join('')}`;
}

/** A name between quotes where it must be: `{"my.metric"}`. */
export const quoted = (name: string): string => `"${escapeValue(name)}"`;

/** For label values in both formats, and for help in OpenMetrics. */
export const escapeValue = (text: string): string => (/[\\\n"]/.test(text) ? text.replace(/[\\\n"]/g, spelled) : text);

/** For help in text format 0.0.4, where a quote is just a quote. */
export const escapeHelp = (text: string): string => text.replace(/[\\\n]/g, spelled);

const spelled = (char: string): string => (char === '\n' ? '\\n' : `\\${char}`);
