import type { WriteBody } from '#prometheus';
import type { Codec } from '#queue';

/** Bodies on disk: the bytes as they go onto the wire, and before them all else about them, in JSON. */
export const bodyCodec: Codec<WriteBody> = {
  encode({ bytes, ...rest }) {
    return { head: Buffer.from(JSON.stringify(rest)), body: bytes };
  },
  decode({ head, body }) {
    const rest = numbersOf(head);
    if (!rest || !REQUIRED.every((key) => key in rest) || !VERSIONS.includes(rest.version)) return undefined;
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return { ...(rest as unknown as Omit<WriteBody, 'bytes'>), bytes };
  },
  weight: ({ bytes }) => bytes.length,
};

const REQUIRED: readonly (keyof WriteBody)[] = ['version', 'length', 'samples', 'histograms', 'exemplars', 'lane'];

const VERSIONS: readonly unknown[] = [1, 2];

/** Undefined when it is no object of numbers alone. */
function numbersOf(head: Uint8Array): Record<string, number> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(head).toString());
    if (value === null || typeof value !== 'object') return undefined;
    return Object.values(value).every((v) => Number.isSafeInteger(v)) ? (value as Record<string, number>) : undefined;
  } catch {
    return undefined;
  }
}
