/** Who may come in: the lines of an htpasswd file. */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { turns } from '#kit';
import { bcrypt } from './bcrypt.ts';
import { apr1, shaCrypt } from './crypt.ts';

type Turn = () => Promise<void>;
type Check = (password: Buffer, turn: Turn) => boolean | Promise<boolean>;

export interface Htpasswd {
  /** Whether that user has that password. */
  knows(user: string, password: string, signal: AbortSignal): Promise<boolean>;
}

/** So that one request cannot keep the processor busy for seconds. */
const MOST_COST = 14;
const MOST_ROUNDS = 500_000;
/** Passwords found right are remembered, so that a scraper pays for its bcrypt once. */
const REMEMBERED = 100;

/** Throws a sentence that names the faulty line, and nothing of what stands in it. */
export function parseHtpasswd(text: string): Htpasswd {
  const checks = new Map<string, Check>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const at = line.indexOf(':');
    if (at < 1) throw new Error(`line ${i + 1} has no user and password with a colon between`);
    const check = checkOf(line.slice(at + 1).trim());
    if (typeof check === 'string') throw new Error(`line ${i + 1} ${check}`);
    checks.set(line.slice(0, at), check);
  }
  const [anybody] = checks.values();
  if (!anybody) throw new Error('there is nobody in it');
  return remembering(async (user, password, signal) => {
    const check = checks.get(user);
    // Whoever is not known takes as long.
    const isRight = await (check ?? anybody)(Buffer.from(password), turns(signal));
    return isRight && check !== undefined;
  });
}

function remembering(knows: Htpasswd['knows']): Htpasswd {
  const secret = randomBytes(32);
  const right = new Set<string>();
  let before: Promise<unknown> = Promise.resolve();
  return {
    async knows(user, password, signal) {
      const mark = createHmac('sha256', secret).update(`${user}:${password}`).digest('base64');
      if (right.has(mark)) return true;
      // One after the other: many at a time would only make all of them late.
      const mine = before.then(() => !signal.aborted && knows(user, password, signal));
      before = mine.catch(() => {});
      const isRight = await mine;
      if (isRight) {
        if (right.size === REMEMBERED) right.clear();
        right.add(mark);
      }
      return isRight;
    },
  };
}

/** How to check a password against what is kept of it, or what is wrong with that. */
function checkOf(kept: string): Check | string {
  const [, id, rest = ''] = /^\$([^$]*)\$(.*)$/s.exec(kept) ?? [];
  if (id === 'apr1') return checkOfApr1(rest);
  if (id === '5' || id === '6') return checkOfSha(id === '5' ? 5 : 6, rest);
  if (id !== undefined && /^2[aby]$/.test(id)) return checkOfBcrypt(rest);
  if (id !== undefined)
    return 'is hashed in a way that is not supported: bcrypt, $apr1$, $5$, $6$, {SHA} and {SSHA} are';
  if (kept.startsWith('{SHA}')) return checkOfDigest(Buffer.from(kept.slice(5), 'base64'));
  if (kept.startsWith('{SSHA}')) return checkOfDigest(Buffer.from(kept.slice(6), 'base64'));
  if (kept === '') return 'has no password';
  return (password) => isSame(password, Buffer.from(kept));
}

function checkOfApr1(rest: string): Check | string {
  const [, salt = '', hash = ''] = /^([^$]{1,8})\$(.{22})$/s.exec(rest) ?? [];
  if (!hash) return 'has an $apr1$ that is cut short';
  return (password) => isSame(Buffer.from(apr1(password, salt)), Buffer.from(hash));
}

function checkOfSha(kind: 5 | 6, rest: string): Check | string {
  const [, given, salt = '', hash = ''] = /^(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$([^$]+)$/s.exec(rest) ?? [];
  if (hash.length !== (kind === 5 ? 43 : 86)) return `has a $${kind}$ that is cut short`;
  const rounds = Math.max(1000, Number(given ?? 5000));
  if (rounds > MOST_ROUNDS) return `has more than ${MOST_ROUNDS} rounds`;
  return async (password, turn) =>
    isSame(Buffer.from(await shaCrypt(kind, password, salt, rounds, turn)), Buffer.from(hash));
}

function checkOfBcrypt(rest: string): Check | string {
  const [, cost = '', salt = '', hash = ''] = /^(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/.exec(rest) ?? [];
  if (!hash) return 'has a bcrypt that is cut short';
  if (Number(cost) < 4 || Number(cost) > MOST_COST) return `has a bcrypt cost that is not from 4 to ${MOST_COST}`;
  return async (password, turn) =>
    isSame(Buffer.from(await bcrypt(password, salt, Number(cost), turn)), Buffer.from(hash));
}

/** SHA-1, and what stands behind its 20 bytes is salt. */
function checkOfDigest(bytes: Buffer): Check | string {
  if (bytes.length < 20) return 'has a {SHA} that is cut short';
  return (password) => {
    const hash = createHash('sha1').update(password).update(bytes.subarray(20)).digest();
    return isSame(hash, bytes.subarray(0, 20));
  };
}

/** In a time that tells nothing about where they differ. */
function isSame(a: Buffer, b: Buffer): boolean {
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
  return timingSafeEqual(digest(a), digest(b));
}
