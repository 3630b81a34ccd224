/** The environment of a Corefile: `{$NAME}` and `{%NAME%}`. */

export type Environment = Readonly<Record<string, string | undefined>>;

/** References replaced in one word, and its length, before the values are taken to name each other without end. */
const MAX_ROUNDS = 100;
const MAX_LENGTH = 1 << 16;
/** The same for a whole Corefile. */
const MAX_ALL_ROUNDS = 100_000;
const MAX_ALL_LENGTH = 1 << 22;

/**
 * Makes a function that replaces references in a word as CoreDNS does: `{%…%}` first, then `{$…}`; a name that is not set is
 * replaced by nothing, an empty name ends the search, and what a value brings in is replaced, too. CoreDNS goes on for ever
 * where values name each other; this throws.
 */
export function createExpander(env: Environment): (word: string) => string {
  const spent = { rounds: 0, length: 0 };

  function replace(word: string, open: string, close: string): string {
    let text = word;
    for (let rounds = 0; ; rounds++) {
      const start = text.indexOf(open);
      const end = start < 0 ? -1 : text.indexOf(close, start);
      if (end <= start + open.length) return text;
      const name = text.slice(start + open.length, end);
      if (rounds >= MAX_ROUNDS || ++spent.rounds > MAX_ALL_ROUNDS) {
        throw new Error(`the environment's ${name} names itself, by itself or through others`);
      }
      const value = Object.hasOwn(env, name) ? (env[name] ?? '') : '';
      text = text.split(`${open}${name}${close}`).join(value);
      spent.length += text.length;
      if (text.length > MAX_LENGTH || spent.length > MAX_ALL_LENGTH) {
        throw new Error(`the environment's ${name} makes too long a text`);
      }
    }
  }

  return (word) => {
    if (!word.includes('{')) return word;
    return replace(replace(word, '{%', '%}'), '{$', '}');
  };
}
