import type { Clock } from '#clock';
import { makeQuery, type Outcome } from './exchange.ts';
import type { Message } from './message.ts';
import { type Endpoint, formatEndpoint, ownSockets, type SocketFactory } from './sockets.ts';
import { CLASS_CHAOS, typeNumber } from './types.ts';
import { openUdp } from './udp.ts';

export interface ChaosOptions {
  readonly clock: Clock;
  /** Milliseconds for each name. */
  readonly timeout: number;
  /** In another network namespace than our own. */
  readonly sockets?: SocketFactory;
}

const TXT = typeNumber('TXT')!;

/**
 * What a server says of itself in TXT records of class CHAOS, such as `version.bind`: for each name its character strings,
 * as they are. One question at a time by UDP, so that a server in distress gets no burst. Rejects at the first name that has
 * no answer.
 */
export async function askChaos(
  server: Endpoint,
  names: readonly string[],
  { clock, timeout, sockets = ownSockets }: ChaosOptions,
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  const answers = new Map<string, string[]>();
  const channel = await openUdp(sockets, server);
  try {
    for (const name of names) {
      const query = makeQuery(name, TXT, { recursionDesired: false }, CLASS_CHAOS);
      const outcome = await channel.ask(query, { clock, timeout }, signal);
      answers.set(name, stringsOf(outcome, `${formatEndpoint(server)} about ${name}`));
    }
  } finally {
    channel.close();
  }
  return answers;
}

function stringsOf(outcome: Outcome, what: string): string[] {
  if (outcome.kind === 'error') throw new Error(`cannot ask ${what}`, { cause: outcome.error });
  if (outcome.kind === 'timeout') throw new Error(`no answer in ${outcome.seconds} s from ${what}`);
  const { message } = outcome;
  const record = message.answers.find(({ type, class: of }) => type === TXT && of === CLASS_CHAOS);
  if (message.rcode !== 0 || !record) throw new Error(`${message.rcodeName} without a text from ${what}`);
  return characterStrings(message, record.dataAt, record.dataEnd);
}

/** RFC 1035 §3.3.14: each a length in a byte, and so many bytes. */
function characterStrings({ bytes }: Message, begin: number, end: number): string[] {
  const found: string[] = [];
  for (let at = begin; at < end; at += 1 + bytes[at]!) {
    found.push(Buffer.from(bytes.subarray(at + 1, Math.min(at + 1 + bytes[at]!, end))).toString('latin1'));
  }
  return found;
}
