import { createHash } from '#kit';
import type { ConfigNode } from './node.ts';

/** Equal for equal options, whatever their order and place; a digest, so that it shows no secret. */
export function fingerprint(type: string, node: ConfigNode): string {
  return createHash('sha256').update(type).update('\n').update(canonical(node)).digest('base64url');
}

function canonical(node: ConfigNode): string {
  if (node.kind === 'list') return `[${node.items.map(canonical).join(',')}]`;
  if (node.kind === 'map') {
    const keys = [...node.entries.keys()].sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(node.entries.get(key)!.value)}`).join(',')}}`;
  }
  const { value } = node;
  const written = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return node.text === undefined ? written : `${written}=${JSON.stringify(node.text)}`;
}
