import { isIPv4, isIPv6 } from 'node:net';

/** The 4 or 16 bytes of an address without a zone; undefined when it is none. */
export function addressBytes(address: string): Uint8Array | undefined {
  if (isIPv4(address)) return Uint8Array.from(address.split('.').map(Number));
  if (!isIPv6(address) || address.includes('%')) return undefined;
  const [head = '', tail] = withoutDottedQuad(address).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after].map((group) => Number.parseInt(group, 16));
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]));
}

/** `::ffff:1.2.3.4` as `::ffff:102:304`. */
function withoutDottedQuad(address: string): string {
  const colon = address.lastIndexOf(':');
  const last = address.slice(colon + 1);
  if (!last.includes('.')) return address;
  const [a, b, c, d] = last.split('.').map(Number) as [number, number, number, number];
  return `${address.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
