/** Niels Provos and David Mazières, "A Future-Adaptable Password Scheme", over Bruce Schneier's Blowfish. */

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const ROUNDS = 16;
const TEXT = Buffer.from('OrpheanBeholderScryDoubt');
const LONGEST = 72;

interface Blowfish {
  p: Int32Array;
  /** The four boxes, one behind the other. */
  s: Int32Array;
}

let digits: Blowfish | undefined;

/** Blowfish begins with the digits of π behind the point: 1,042 words. Worked out once, by Machin's formula. */
function initial(): Blowfish {
  digits ??= fromPi();
  return { p: digits.p.slice(), s: digits.s.slice() };
}

function fromPi(): Blowfish {
  const words = ROUNDS + 2 + 1024;
  const spare = 64n;
  const one = 1n << (BigInt(words * 32) + spare);
  const pi = 4n * (4n * arctanOfInverse(5n, one) - arctanOfInverse(239n, one));
  const fraction = (pi - 3n * one) >> spare;
  const hex = fraction.toString(16).padStart(words * 8, '0');
  const all = Int32Array.from({ length: words }, (_, i) => Number.parseInt(hex.slice(i * 8, i * 8 + 8), 16));
  return { p: all.slice(0, ROUNDS + 2), s: all.slice(ROUNDS + 2) };
}

function arctanOfInverse(x: bigint, one: bigint): bigint {
  let power = one / x;
  let sum = power;
  for (let n = 3n, sign = -1n; power !== 0n; n += 2n, sign = -sign) {
    power /= x * x;
    sum += (sign * power) / n;
  }
  return sum;
}

/** Encrypts the two words at `at`. */
function encrypt({ p, s }: Blowfish, block: Int32Array, at: number): void {
  let left = block[at]!;
  let right = block[at + 1]!;
  for (let round = 0; round < ROUNDS; round += 2) {
    left ^= p[round]!;
    right ^= mix(s, left);
    right ^= p[round + 1]!;
    left ^= mix(s, right);
  }
  block[at] = right ^ p[ROUNDS + 1]!;
  block[at + 1] = left ^ p[ROUNDS]!;
}

function mix(s: Int32Array, x: number): number {
  return (((s[x >>> 24]! + s[256 + ((x >>> 16) & 255)]!) ^ s[512 + ((x >>> 8) & 255)]!) + s[768 + (x & 255)]!) | 0;
}

/** The words of `bytes`, over and over. */
function cycle(bytes: Uint8Array, count: number): Int32Array {
  const words = new Int32Array(count);
  for (let i = 0; i < count * 4; i++) words[i >> 2] = (words[i >> 2]! << 8) | bytes[i % bytes.length]!;
  return words;
}

/** `key` has a word for each of p, `salt` four. */
function expand(state: Blowfish, key: Int32Array, salt: Int32Array): void {
  const { p, s } = state;
  for (let i = 0; i < p.length; i++) p[i]! ^= key[i]!;
  const block = new Int32Array(2);
  let from = 0;
  for (const box of [p, s]) {
    for (let i = 0; i < box.length; i += 2) {
      block[0]! ^= salt[from]!;
      block[1]! ^= salt[from + 1]!;
      from ^= 2;
      encrypt(state, block, 0);
      box[i] = block[0]!;
      box[i + 1] = block[1]!;
    }
  }
}

const NO_SALT = new Int32Array(4);

/** What stands behind the salt of `$2y$COST$`. `turn` is awaited now and then: a cost of 10 takes 0.1 to 0.2 s. */
export async function bcrypt(password: Buffer, salt: string, cost: number, turn: () => Promise<void>): Promise<string> {
  const saltBytes = decoded(salt, 16);
  const key = cycle(Buffer.concat([password, Buffer.alloc(1)]).subarray(0, LONGEST), ROUNDS + 2);
  const saltAsKey = cycle(saltBytes, ROUNDS + 2);
  const state = initial();
  expand(state, key, cycle(saltBytes, 4));
  for (let round = 0; round < 2 ** cost; round++) {
    expand(state, key, NO_SALT);
    expand(state, saltAsKey, NO_SALT);
    await turn();
  }
  const text = cycle(TEXT, 6);
  for (let i = 0; i < 64; i++) for (let at = 0; at < 6; at += 2) encrypt(state, text, at);
  const bytes = Buffer.alloc(24);
  text.forEach((word, i) => void bytes.writeInt32BE(word, i * 4));
  return encoded(bytes.subarray(0, 23));
}

function encoded(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xffff;
    held += 8;
    while (held >= 6) {
      held -= 6;
      text += ALPHABET[(bits >> held) & 63];
    }
  }
  return held ? text + ALPHABET[(bits << (6 - held)) & 63] : text;
}

function decoded(text: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of text) {
    bits = ((bits << 6) | ALPHABET.indexOf(letter)) & 0xffff;
    held += 6;
    if (held < 8 || at === length) continue;
    held -= 8;
    bytes[at++] = bits >> held;
  }
  return bytes;
}
