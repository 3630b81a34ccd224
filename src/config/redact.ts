/** Which values are secrets, by schema and by name, and how they are kept out of everything that is shown. */
import type { ConfigNode, ScalarNode } from './node.ts';

export const REDACTED = '[REDACTED]';

const WORDS =
  'password|passwd|passphrase|pass|pwd|secret|secrets|secret_?key|secret_?access_?key|token|credentials?|api_?key|access_?key|private_?key|key_pem|authorization|cookie';
const SECRET_KEY = new RegExp(`(^|[^a-z0-9])(${WORDS})$`, 'i');
const CAMEL_KEY = /(Password|Secret|Token|Key)$/;
const HEADERS = /(^|_)headers?(_list)?$/i;

/** A key whose value is most likely a secret, also where no schema says so. Not `password_file`: that names a file. */
export const isSecretKey = (key: string): boolean => SECRET_KEY.test(key) || CAMEL_KEY.test(key);
/** A key whose whole content is kept back: any header may carry credentials. */
export const isHeadersKey = (key: string): boolean => HEADERS.test(key);

/** The same in a source line, where a section that no schema knows may have nothing but `key: …` for a credential. */
export const isSuspectKey = (key: string): boolean => isSecretKey(key) || /^key$/i.test(key);

/** From one offset of a text to another. */
export type Span = [start: number, end: number];

// Lengths are bounded so that no line of a megabyte takes longer than a line.
const IN_MESSAGE = /([A-Za-z0-9_.-]{1,64})\\?["']?\s{0,8}[:=]\s{0,8}(?=("[^"]*"?|'[^']*'?|[^\s,}\]&"']+))/g;
/** In a line the colon may be what is missing, and a value may have blanks in it. */
const IN_LINE = /([A-Za-z0-9_.-]{1,64})["']?(?:\s{0,8}[:=]\s{0,8}|\s{1,8})(?=("[^"]*"?|'[^']*'?|[^,}\]&"']+))/g;
const USERINFO = /[a-z][a-z0-9+.-]{0,20}:\/\/([^/?#\s"'@]{1,512}(?:@[^/?#\s"'@]{1,512}){0,4})@/gi;
/** The query of a URL, or of a path where it has a name and a value: a regular expression may have a `?` after a `/`. */
const QUERY = /(?:(?<=:\/\/[^\s"'?#]{1,2048})\?|(?<=\/[^\s"'?#]{0,2048})\?(?=[\w.~%+-]{1,64}=))[^\s"'#]+/g;
const BARE_USERINFO = /(?<=^|[\s"'=[,{(])[^\s/:"'@]{1,64}:[^\s/"'@]{1,256}(?=@)/g;

/** The userinfo of `https://user:pass@host`, and of `user:pass@host`. */
function userinfoSpans(text: string): Span[] {
  const urls = [...text.matchAll(USERINFO)].map(({ index, 0: all, 1: info }): Span => {
    const end = index + all.length - 1;
    return [end - info!.length, end];
  });
  return [...urls, ...[...text.matchAll(BARE_USERINFO)].map(({ index, 0: all }): Span => [index, index + all.length])];
}

/** What stands for a secret in `?name=value&value`. */
export const QUERY_VALUES = /(?<=[?&][^&=]*=)[^&]+|(?<=[?&])[^&=]+(?=&|$)/g;

/** The values in the queries of URLs and paths; brackets and commas of the YAML around them are not theirs. */
function querySpans(text: string): Span[] {
  return [...text.matchAll(QUERY)].flatMap(({ index, 0: query }) =>
    [...query.matchAll(QUERY_VALUES)].map(({ index: at, 0: value }): Span => {
      const shown = /^\$\{[^{}]*\}(?=[,})\]]*$)/.exec(value)?.[0] ?? value.replace(/[,})\]]{1,16}$/, '');
      return [index + at, index + at + shown.length];
    }),
  );
}

/** What in a text's URLs is nobody's business: `user:pass@`, and what stands behind `?name=`. */
const urlSpans = (text: string): Span[] => [...userinfoSpans(text), ...querySpans(text)];

/** What looks like a secret in a line of a configuration: the value after a telling key, and what URLs hide. */
export function suspectSpans(line: string): Span[] {
  // A map of headers on one line ends nobody knows where, when the line is broken.
  const headers = [...line.matchAll(IN_LINE)].find((match) => isHeadersKey(match[1]!));
  const rest: Span[] = headers ? [[headers.index + headers[0].length, line.length]] : [];
  return [...rest, ...valueSpans(line, IN_LINE, isSuspectKey), ...urlSpans(line)];
}

function valueSpans(text: string, keyAndValue: RegExp, telling = isSecretKey): Span[] {
  return [...text.matchAll(keyAndValue)]
    .filter((match) => telling(match[1]!))
    .map(({ index, 0: key, 2: value }) => [index + key.length, index + key.length + value!.length]);
}

/** Overlapping spans made one, in order. */
export function joined(spans: readonly Span[]): Span[] {
  const out: Span[] = [];
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0] || b[1] - a[1])) {
    const last = out.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else out.push([start, end]);
  }
  return out;
}

function without(text: string, spans: readonly Span[]): string {
  let out = '';
  let done = 0;
  for (const [start, end] of joined(spans)) {
    out += text.slice(done, start) + REDACTED;
    done = end;
  }
  return out + text.slice(done);
}

/** `https://user:pass@host/path?key=value` without user, pass and value. */
export const redactUrls = (text: string): string => without(text, urlSpans(text));

/** Whether all under a key is kept back. The section `authorization` of an HTTP client has its own telling keys inside. */
const hides = (key: string, { kind }: ConfigNode): boolean =>
  (isSecretKey(key) && !(key === 'authorization' && kind === 'map')) || isHeadersKey(key);

/** The plain value of a tree with `[REDACTED]` in place of every secret. Keys keep their order. */
export function redactedPlain(node: ConfigNode, secrets: ReadonlySet<ConfigNode>, hidden = false): unknown {
  const hide = hidden || secrets.has(node);
  if (node.kind === 'list') return node.items.map((item) => redactedPlain(item, secrets, hide));
  if (node.kind === 'scalar') {
    if (node.value === null) return null;
    if (hide) return REDACTED;
    return typeof node.value === 'string' ? redactUrls(node.value) : node.value;
  }
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, { value }] of node.entries) {
    out[key] = redactedPlain(value, secrets, hide || hides(key, value));
  }
  return out;
}

/**
 * Takes secrets, and values that expansions gave, out of a message. Schemas do not quote them by themselves; this is for
 * the sentences of checks that components bring. `hidden` comes from `secretTexts`.
 */
export function redactMessage(message: string, hidden: readonly string[]): string {
  return hidden.reduce(
    (text, secret) => text.replaceAll(secret, REDACTED),
    without(message, [...valueSpans(message, IN_MESSAGE), ...urlSpans(message)]),
  );
}

/**
 * What secrets say, and long values from expansions, the longest first. One of three characters cannot be told from the
 * text around it.
 */
export function secretTexts(tree: ConfigNode, secrets: ReadonlySet<ConfigNode>): string[] {
  const texts = new Set<string>();
  const add = (text: string | undefined) => text && text.length >= 4 && texts.add(text);
  const walk = (node: ConfigNode, hidden: boolean): void => {
    const hide = hidden || secrets.has(node);
    if (node.kind === 'list') for (const item of node.items) walk(item, hide);
    else if (node.kind === 'map') {
      for (const [key, { value }] of node.entries) walk(value, hide || hides(key, value));
    } else if (hide ? typeof node.value !== 'boolean' && node.value !== null : isLongAndExpanded(node)) {
      add(node.text);
      add(String(node.value));
    }
  };
  walk(tree, false);
  return [...texts].sort((a, b) => b.length - a.length);
}

const isLongAndExpanded = ({ expanded, value }: ScalarNode) =>
  expanded === true && typeof value === 'string' && value.length >= 8;
