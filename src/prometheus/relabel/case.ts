/**
 * Letter case as Go's `strings.ToLower` and `ToUpper` map it: each code point to one code point, without context. JavaScript
 * maps `ß` to `SS` and a final `Σ` to `ς`.
 */
export function lowercase(text: string): string {
  return isAscii(text) ? text.toLowerCase() : mapEach(text, (c) => (c === 'İ' ? 'i' : c.toLowerCase()));
}

export function uppercase(text: string): string {
  return isAscii(text) ? text.toUpperCase() : mapEach(text, upperOne);
}

const isAscii = (text: string) => /^[\0-\x7f]*$/.test(text);

function mapEach(text: string, map: (codePoint: string) => string): string {
  let out = '';
  for (const codePoint of text) out += map(codePoint);
  return out;
}

/** Where the full mapping is longer than one code point, the simple one is the letter itself, but for Greek iota letters. */
function upperOne(c: string): string {
  const upper = c.toUpperCase();
  if (upper.length <= c.length && [...upper].length === 1) return upper;
  const code = c.codePointAt(0)!;
  if (code >= 0x1f80 && code <= 0x1faf) return String.fromCodePoint(code | 8);
  if (code === 0x1fb3 || code === 0x1fc3 || code === 0x1ff3) return String.fromCodePoint(code + 9);
  return [...upper].length === 1 ? upper : c;
}
