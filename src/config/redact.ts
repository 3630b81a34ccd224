/** Which values are secrets, by schema and by name, and how they are kept out of everything that is shown. */
import type { ConfigNode, ScalarNode } from './node.ts';

export const REDACTED = '[REDACTED]';

const WORDS =
  'password|passwd|passphrase|pass|pwd|secret|secrets|secret_?key|secret_?access_?key|token|credentials?|api_?key|access_?key|private_?key|key_pem|authorization|cookie';
const SECRET_KEY = new RegExp(`(^|[^a-z0-9])(${WORDS})$`, 'i');
const CAMEL_KEY = /(Password|Secret|Token|Key)$/;
const HEADERS = /(^|_)headers(_list)?$/i;

/** A key whose value is most likely a secret, also where no schema says so. Not `password_file`: that names a file. */
export const isSecretKey = (key: string): boolean => SECRET_KEY.test(key) || CAMEL_KEY.test(key);
/** A key whose whole content is kept back: any header may carry credentials. */
export const isHeadersKey = (key: string): boolean => HEADERS.test(key);

/** `user:pass@host`, with no scheme before it. */
export const BARE_USERINFO = /(^|[\s"'=[,{(])[^\s/:"'@]{1,64}:[^\s/"'@]{1,256}@/g;

/** `https://user:pass@host` without user and pass. */
export function redactUrls(text: string): string {
  return text
    .replace(BARE_USERINFO, `$1${REDACTED}@`)
    .replace(/([a-z][a-z0-9+.-]{0,20}:\/\/)[^/?#\s"'@]*(?:@[^/?#\s"'@]*)*@/gi, `$1${REDACTED}@`);
}

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
    out[key] = redactedPlain(value, secrets, hide || isSecretKey(key) || isHeadersKey(key));
  }
  return out;
}

/**
 * Takes secrets, and values that expansions gave, out of a message. Schemas do not quote them by themselves; this is for
 * the sentences of checks that components bring. `hidden` comes from `secretTexts`.
 */
export function redactMessage(message: string, hidden: readonly string[]): string {
  return hidden.reduce((text, secret) => text.replaceAll(secret, REDACTED), redactUrls(message));
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
      for (const [key, { value }] of node.entries) walk(value, hide || isSecretKey(key) || isHeadersKey(key));
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
