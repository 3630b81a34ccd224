import type { Codec, Payload } from '#queue';
import type { Item } from './item.ts';
import type { Body } from './post.ts';

/** Bytes of memory that a sample takes before it is encoded, about. */
const SAMPLE = 24;

/** Requests on disk: the bytes as they go onto the wire, and before them their content type and encoding, in JSON. */
export function bodyCodec(encode: (item: Item) => Promise<Body>): Codec<Item> {
  return {
    async encode(item) {
      const { bytes, type, encoding } = await encode(item);
      return { head: Buffer.from(JSON.stringify({ type, encoding })), body: bytes };
    },
    decode(payload, points) {
      const ready = readBody(payload);
      return ready && { stamped: [], points, ready };
    },
    weight: ({ points, ready }) => ready?.bytes.length ?? points * SAMPLE,
  };
}

const TYPES: readonly unknown[] = ['application/x-protobuf', 'application/json'];

function readBody({ head, body }: Payload): Body | undefined {
  try {
    const { type, encoding } = JSON.parse(Buffer.from(head).toString()) as Partial<Body>;
    if (!TYPES.includes(type) || !['string', 'undefined'].includes(typeof encoding)) return undefined;
    return { bytes: body, type: type!, encoding };
  } catch {
    return undefined;
  }
}
