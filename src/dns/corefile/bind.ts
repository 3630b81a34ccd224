import type { ServerBlock } from './parse.ts';
import { argumentsOf, stanzas } from './stanza.ts';

/**
 * What a block binds to: addresses and names of interfaces, in order, wherever in the block they stand, without those that an
 * `except` of the same `bind` names. Empty without `bind`: every address.
 */
export function readBind(block: ServerBlock): string[] {
  const all = stanzas(block.directives.get('bind')).flatMap((stanza) => {
    const except = new Set(stanza.body.filter(({ name }) => name.text === 'except').flatMap(argumentsOf));
    return argumentsOf(stanza).filter((address) => !except.has(address));
  });
  return [...new Set(all)];
}
