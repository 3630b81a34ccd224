import { type AskOptions, failureOf, makeQuery, type Outcome, type Protocol, type Query } from './exchange.ts';
import type { Endpoint, SocketFactory } from './sockets.ts';
import { askTcp } from './tcp.ts';
import { openUdp, type UdpChannel } from './udp.ts';

/** What became of a question, whatever it took. */
export interface Exchange {
  /** Of the last query. `seconds` is the time of all. */
  readonly outcome: Outcome;
  readonly query: Query;
  /** Queries that were sent: 2 when a truncated answer was asked for again by TCP. */
  readonly sent: number;
  /** The answer by UDP was truncated. */
  readonly truncated: boolean;
}

export interface ExchangeOptions extends AskOptions {
  readonly protocol: Protocol;
  /** Asks again by TCP when the answer by UDP is truncated. */
  readonly tcpOnTruncation?: boolean;
  /** Waits for the right to use TCP, where only so many may at a time; gives the way to return it. */
  enterTcp?(signal: AbortSignal): Promise<() => void>;
  /** Has the channel when all is over, to listen on for what comes late; else it is closed. */
  onChannel?(channel: UdpChannel, answered: boolean): void;
}

/** Asks one server one question, by UDP from a new port. Rejects only when the signal aborts. */
export async function ask(
  sockets: SocketFactory,
  server: Endpoint,
  name: string,
  type: number,
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<Exchange> {
  const [exchange] = await askAtOnce(sockets, server, [{ name, type }], options, signal);
  return exchange!;
}

/** Asks several questions at once, by UDP all from the same new port, as a library does for A and AAAA. */
export async function askAtOnce(
  sockets: SocketFactory,
  server: Endpoint,
  questions: readonly { name: string; type: number }[],
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<Exchange[]> {
  const queries = distinctQueries(questions, options);
  if (options.protocol === 'tcp') {
    return Promise.all(
      queries.map(async (query) => ({
        outcome: await askTcp(sockets, server, query, options, signal),
        query,
        sent: 1,
        truncated: false,
      })),
    );
  }
  let channel: UdpChannel;
  try {
    channel = await openUdp(sockets, server, options.onIgnored);
  } catch (error) {
    const known = failureOf(error as Error);
    const reason = known === 'other' ? 'socket' : known;
    const outcome = { kind: 'error', reason, error: error as Error, protocol: 'udp', seconds: 0 } as const;
    return queries.map((query) => ({ outcome, query, sent: 0, truncated: false }));
  }
  let answered = false;
  try {
    const outcomes = await Promise.all(queries.map((query) => channel.ask(query, options, signal)));
    answered = outcomes.every((outcome) => outcome.kind === 'answer');
    if (options.onChannel) options.onChannel(channel, answered);
    else channel.close();
    return await Promise.all(
      outcomes.map((outcome, i) => orByTcp(sockets, server, queries[i]!, outcome, options, signal)),
    );
  } catch (error) {
    channel.close();
    throw error;
  }
}

/** Answers are told apart by their ids, so two of one port must differ. */
function distinctQueries(questions: readonly { name: string; type: number }[], options: AskOptions): Query[] {
  const ids = new Set<number>();
  return questions.map(({ name, type }) => {
    let query = makeQuery(name, type, options);
    while (ids.has(query.id)) query = makeQuery(name, type, options);
    ids.add(query.id);
    return query;
  });
}

/** The exchange that a first answer by UDP makes: that one, or a second by TCP when it was truncated. */
async function orByTcp(
  sockets: SocketFactory,
  server: Endpoint,
  query: Query,
  first: Outcome,
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<Exchange> {
  const truncated = first.kind === 'answer' && first.message.truncated;
  if (!truncated || !options.tcpOnTruncation) return { outcome: first, query, sent: 1, truncated };
  const leave = await options.enterTcp?.(signal);
  try {
    const { name, type } = query.question;
    const again = makeQuery(name, type, options);
    const second = await askTcp(sockets, server, again, options, signal);
    return { outcome: { ...second, seconds: first.seconds + second.seconds }, query: again, sent: 2, truncated };
  } finally {
    leave?.();
  }
}
