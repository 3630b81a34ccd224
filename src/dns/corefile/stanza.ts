import { type CorefileToken, startsLine } from './token.ts';

/** One line of a block and what its braces enclose: `forward . 1.1.1.1 { policy random }`. */
export interface Stanza {
  readonly name: CorefileToken;
  readonly args: readonly CorefileToken[];
  /** The lines inside of the braces; empty without braces. */
  readonly body: readonly Stanza[];
}

/** Bodies inside of bodies beyond this are left out: no plugin has more than three. */
const MAX_DEPTH = 50;

/** The stanzas of one directive, in the order of the file: one for each time that it is given in the block. */
export function stanzas(tokens: readonly CorefileToken[] = []): Stanza[] {
  return readLines(tokens, { at: 0 }, 0);
}

/** The lines up to the `}` that closes them, which is gone over. */
function readLines(tokens: readonly CorefileToken[], position: { at: number }, depth: number): Stanza[] {
  const lines: Stanza[] = [];
  while (position.at < tokens.length) {
    const name = tokens[position.at++]!;
    if (name.text === '}') break;
    const args: CorefileToken[] = [];
    let body: Stanza[] = [];
    for (;;) {
      const token = tokens[position.at];
      if (!token || token.text === '}' || startsLine(tokens[position.at - 1], token)) break;
      position.at++;
      if (token.text !== '{') args.push(token);
      else {
        body = depth < MAX_DEPTH ? readLines(tokens, position, depth + 1) : skipBody(tokens, position);
        break;
      }
    }
    lines.push({ name, args, body });
  }
  return lines;
}

function skipBody(tokens: readonly CorefileToken[], position: { at: number }): Stanza[] {
  for (let open = 1; open > 0 && position.at < tokens.length; position.at++) {
    if (tokens[position.at]!.text === '{') open++;
    if (tokens[position.at]!.text === '}') open--;
  }
  return [];
}

/** The last line of a body with this name: where plugins take an option twice, the last wins. */
export function option(stanza: Stanza, name: string): Stanza | undefined {
  return stanza.body.findLast((line) => line.name.text === name);
}

export const argumentsOf = ({ args }: Stanza): string[] => args.map(({ text }) => text);
