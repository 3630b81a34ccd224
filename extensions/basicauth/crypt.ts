/** Passwords hashed as htpasswd(1) and crypt(5) write them, but for bcrypt. */
import { createHash } from 'node:crypto';

const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function digest(algorithm: string, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** `bytes` at these places, three at a time, the last the lowest; six bits a letter, the lowest first. */
function encoded(bytes: Uint8Array, places: readonly number[][]): string {
  let text = '';
  for (const group of places) {
    let bits = group.reduce((sum, place) => sum * 256 + bytes[place]!, 0);
    for (let i = 0; i < Math.ceil((group.length * 8) / 6); i++) {
      text += ALPHABET[bits % 64]!;
      bits = Math.floor(bits / 64);
    }
  }
  return text;
}

/** `bytes`, over and over, up to a length. */
function repeated(bytes: Uint8Array, length: number): Buffer {
  const out = Buffer.alloc(length);
  for (let i = 0; i < length; i++) out[i] = bytes[i % bytes.length]!;
  return out;
}

const MD5_PLACES = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5], [11]];

/** Apache's variant of the MD5 crypt: what stands behind the salt. */
export function apr1(password: Buffer, salt: string): string {
  const saltBytes = Buffer.from(salt);
  const inner = repeated(digest('md5', password, saltBytes, password), password.length);
  const bits: Uint8Array[] = [];
  for (let n = password.length; n > 0; n >>= 1) bits.push(n & 1 ? Buffer.alloc(1) : password.subarray(0, 1));
  let hash = digest('md5', password, Buffer.from('$apr1$'), saltBytes, inner, ...bits);
  for (let round = 0; round < 1000; round++) hash = mixed('md5', round, hash, password, saltBytes);
  return encoded(hash, MD5_PLACES);
}

function mixed(algorithm: string, round: number, hash: Buffer, password: Buffer, salt: Buffer): Buffer {
  const isOdd = round % 2 === 1;
  const parts = [isOdd ? password : hash];
  if (round % 3) parts.push(salt);
  if (round % 7) parts.push(password);
  parts.push(isOdd ? hash : password);
  return digest(algorithm, ...parts);
}

/** The groups go round: each begins where another of the one before ended. */
function turning(first: number[], count: number, turn: (group: number[]) => number[], last: number[]): number[][] {
  const places = [first];
  while (places.length < count) places.push(turn(places.at(-1)!).map((place) => place + 1));
  return [...places, last];
}
const SHA = {
  5: { name: 'sha256', places: turning([0, 10, 20], 10, ([a, b, c]) => [c!, a!, b!], [31, 30]) },
  6: { name: 'sha512', places: turning([0, 21, 42], 21, ([a, b, c]) => [b!, c!, a!], [63]) },
} as const;

/** Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512". `turn` is awaited now and then. */
export async function shaCrypt(
  kind: 5 | 6,
  password: Buffer,
  salt: string,
  rounds: number,
  turn: () => Promise<void>,
): Promise<string> {
  const { name, places } = SHA[kind];
  const saltBytes = Buffer.from(salt);
  const inner = digest(name, password, saltBytes, password);
  const bits: Uint8Array[] = [];
  for (let n = password.length; n > 0; n >>= 1) bits.push(n & 1 ? inner : password);
  let hash = digest(name, password, saltBytes, repeated(inner, password.length), ...bits);
  const times = (bytes: Buffer, count: number) => digest(name, repeated(bytes, bytes.length * count));
  const longPassword = repeated(times(password, password.length), password.length);
  const longSalt = repeated(times(saltBytes, 16 + hash[0]!), saltBytes.length);
  for (let round = 0; round < rounds; round++) {
    hash = mixed(name, round, hash, longPassword, longSalt);
    if (round % 256 === 0) await turn();
  }
  return encoded(hash, places);
}
