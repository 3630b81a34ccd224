import type { Codec, Payload } from '#queue';
import type { Item, Part } from './item.ts';
import type { Body } from './post.ts';

/** Bytes of memory that a sample takes before it is encoded, about. */
const SAMPLE = 24;

/** A request of more sources is not cut. The head has at most 64 KiB. */
const MOST_PARTS = 2000;

/** Requests on disk: the bytes as they go onto the wire, and before them, in JSON, their content type, encoding and parts. */
export function bodyCodec(
  encode: (item: Item) => Promise<Body>,
  partsOf: (item: Item) => readonly Part[] | undefined,
): Codec<Item> {
  return {
    async encode(item) {
      const { bytes, type, encoding } = await encode(item);
      const parts = item.stamped.length <= MOST_PARTS ? partsOf(item) : undefined;
      return { head: Buffer.from(JSON.stringify({ type, encoding, parts })), body: bytes };
    },
    decode(payload, points) {
      const read = readBody(payload);
      return read && { stamped: [], points, ...read };
    },
    weight: ({ points, ready }) => ready?.bytes.length ?? points * SAMPLE,
  };
}

const TYPES: readonly unknown[] = ['application/x-protobuf', 'application/json'];

function readBody({ head, body }: Payload): Pick<Item, 'ready' | 'parts'> | undefined {
  try {
    const { type, encoding, parts } = JSON.parse(Buffer.from(head).toString()) as Partial<Body & Item>;
    if (!TYPES.includes(type) || !['string', 'undefined'].includes(typeof encoding)) return undefined;
    return { ready: { bytes: body, type: type!, encoding }, parts };
  } catch {
    return undefined;
  }
}
