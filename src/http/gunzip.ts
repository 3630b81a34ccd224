/**
 * gunzip again and again with one inflate state and one piece of memory. Node's zlib makes both anew for every body, and
 * leaves them to the garbage collector; its own Gunzip cannot be used twice by a synchronous caller. So this goes to the
 * handle below it, which is no public interface: what it must be able to do is tried out first, and `undefined` is the answer
 * whenever anything is not as expected. `zlib.gunzipSync` then has the word, and the error.
 */
import zlib from 'node:zlib';

interface Handle {
  writeSync(
    flush: number,
    from: Uint8Array,
    at: number,
    size: number,
    to: Uint8Array,
    toAt: number,
    room: number,
  ): void;
  reset(): void;
  onerror: (message: string, errno: number, code: string) => void;
}
/** Room left in the output and bytes left of the input after `writeSync`. */
type State = Uint32Array;

/** Pages are mostly smaller; a larger one has memory of its own. */
const MOST = 1024 * 1024;
const LEAST = 64 * 1024;

/** RFC 1952: header and trailer of an empty member. */
const SMALLEST = 20;

export type Gunzip = (body: Uint8Array, limit: number) => Buffer | undefined;

/** Undefined where this Node's zlib is built in another way. */
export function reusedGunzip(): Gunzip | undefined {
  const made = make();
  try {
    const text = Buffer.from('dnscol '.repeat(20));
    const packed = zlib.gzipSync(text);
    const works =
      made?.(packed, 1000)?.equals(text) &&
      made(packed.subarray(0, -4), 1000) === undefined &&
      made(packed, 1000)?.equals(text);
    return works ? made : undefined;
  } catch {
    return undefined;
  }
}

function make(): Gunzip | undefined {
  const stream = zlib.createGunzip() as unknown as { _handle?: Handle; _writeState?: State };
  const handle = stream._handle;
  const state = stream._writeState;
  if (typeof handle?.writeSync !== 'function' || typeof handle.reset !== 'function' || !state) return undefined;
  let failed = false;
  handle.onerror = () => {
    failed = true;
  };
  let room: Buffer | undefined;

  /** The whole, good until the next call; undefined when it is larger than `limit` or anything else is odd. */
  return (body, limit) => {
    const said = lengthOf(body);
    // A byte more than it says, so that room left over tells of the end.
    if (said === undefined || said > limit || said >= MOST) return undefined;
    if (!room || room.length <= said)
      room = Buffer.allocUnsafeSlow(Math.max(LEAST, 2 ** Math.ceil(Math.log2(said + 1))));
    failed = false;
    handle.writeSync(zlib.constants.Z_FINISH, body, 0, body.length, room, 0, said + 1);
    const [left, unread] = state as unknown as [number, number];
    handle.reset();
    return !failed && left === 1 && unread === 0 ? room.subarray(0, said) : undefined;
  };
}

/** What a gzip body says at its end is its length (RFC 1952 §2.3.1), modulo 2³². */
function lengthOf(body: Uint8Array): number | undefined {
  if (body.length < SMALLEST || body[0] !== 0x1f || body[1] !== 0x8b) return undefined;
  const at = body.length - 4;
  return (body[at]! | (body[at + 1]! << 8) | (body[at + 2]! << 16)) + body[at + 3]! * 0x1000000;
}
