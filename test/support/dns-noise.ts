import { answersOf, dataText, MalformedMessage, type Message, parseMessage } from '#dns';

/** Reads all that there is in a message; undefined when it is malformed. Whatever else is thrown, is a bug. */
export function readAll(bytes: Uint8Array): { message: Message; texts: string[] } | undefined {
  try {
    const message = parseMessage(bytes);
    const { answers, authorities, additionals, questions } = message;
    const texts = [...answers, ...authorities, ...additionals].flatMap((record) => {
      try {
        return [dataText(message, record)];
      } catch (error) {
        if (error instanceof MalformedMessage) return [];
        throw error;
      }
    });
    const [question] = questions;
    if (question) answersOf(message, question);
    return { message, texts };
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
}

/** A copy with some bytes changed, cut, doubled or made to look like what a decoder stumbles over. */
export function mutateMessage(rnd: () => number, seed: Uint8Array): Buffer {
  const below = (n: number) => Math.floor(rnd() * n);
  let bytes = Buffer.from(seed);
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const at = below(bytes.length);
    switch (below(7)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at]! ^= 1 << below(8);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(at + 1))]).subarray(0, 4096);
        break;
      case 4:
        // A pointer, anywhere in the message.
        if (at + 1 < bytes.length) bytes.writeUInt16BE(0xc000 | below(bytes.length), at);
        break;
      case 5:
        // One of the counts.
        if (bytes.length >= 12) bytes.writeUInt16BE(below(2) ? below(8) : 0xffff, 4 + 2 * below(4));
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([below(256)]), bytes.subarray(at)]);
    }
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}
