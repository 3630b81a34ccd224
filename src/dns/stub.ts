import { answersOf } from './answers.ts';
import type { Exchange } from './ask.ts';
import type { Protocol } from './exchange.ts';
import { isAbsolute } from './name.ts';
import type { ResolvConf } from './resolv-conf.ts';
import type { Endpoint } from './sockets.ts';
import { typeNumber } from './types.ts';

/** What getaddrinfo would say, and what it cost. */
export interface Resolution {
  /** `servfail`: servers answered, but only with errors; `failed`: none answered. */
  readonly status: 'found' | 'nodata' | 'nxdomain' | 'servfail' | 'failed';
  /** The name that was found. */
  readonly name: string | undefined;
  /** Queries that were sent, for all names, types and servers. */
  readonly queries: number;
  /** Names that were tried. */
  readonly names: number;
  /** Spent waiting for answers; not what `ask` waits before it asks. */
  readonly seconds: number;
}

export interface StubOptions {
  readonly conf: Pick<
    ResolvConf,
    'search' | 'ndots' | 'timeout' | 'attempts' | 'useVc' | 'noAaaa' | 'singleRequest' | 'singleRequestReopen'
  >;
  /** In the order in which they are asked. */
  readonly servers: readonly Endpoint[];
  /** Asks one server, all questions at once; truncated answers are asked for again by TCP. Rejects when it is aborted. */
  ask(
    server: Endpoint,
    questions: readonly { name: string; type: number }[],
    protocol: Protocol,
    timeout: number,
  ): Promise<Exchange[]>;
}

type Status = Resolution['status'];
const TYPE_A = typeNumber('A')!;
const TYPE_AAAA = typeNumber('AAAA')!;
/** With these a server says that it cannot tell, and glibc asks the next. */
const NO_VERDICT = new Set(['SERVFAIL', 'NOTIMP', 'REFUSED']);

/** Dots that are not the last. */
const dotsIn = (name: string) => name.split('.').length - 1;

/**
 * The names that glibc tries, in order, while none is found (res_nsearch): as it is first when it has enough dots, then behind
 * each search domain, and as it is last otherwise. A last dot leaves the name alone.
 */
export function candidates(name: string, { search, ndots }: Pick<ResolvConf, 'search' | 'ndots'>): string[] {
  if (isAbsolute(name)) return [name];
  const asItIs = `${name}.`;
  const first = dotsIn(name) >= ndots;
  const within = search.map((domain) => (domain === '.' ? asItIs : `${name}.${domain.replace(/\.$/, '')}.`));
  const last = !first && !search.includes('.');
  return [...(first ? [asItIs] : []), ...within, ...(last ? [asItIs] : [])];
}

/** Looks a name up as glibc's getaddrinfo does for a program that wants any address. */
export async function resolveAsLibc(name: string, options: StubOptions): Promise<Resolution> {
  const list = candidates(name, options.conf);
  const met = new Set<Status>();
  let queries = 0;
  let names = 0;
  let seconds = 0;
  const end = (status: Status, found?: string): Resolution => ({ status, name: found, queries, names, seconds });
  for (const [i, candidate] of list.entries()) {
    const got = await lookUp(candidate, options);
    names++;
    queries += got.queries;
    seconds += got.seconds;
    if (got.status === 'found') return end('found', candidate);
    met.add(got.status);
    // Without an answer glibc gives the search up, but for a name that was tried as it is before the search began.
    const wasAsItIs = i === 0 && candidate === `${name}.` && list.length > 1;
    if (got.status === 'failed' && !wasAsItIs) break;
  }
  const worst = (['nodata', 'servfail', 'failed', 'nxdomain'] as const).find((status) => met.has(status));
  return end(worst ?? 'nxdomain');
}

type Cost = Pick<Resolution, 'queries' | 'seconds'>;

/** One name, both address families: every server in turn, as many rounds as `attempts` says (res_nsend). */
async function lookUp(name: string, options: StubOptions): Promise<Cost & { status: Status }> {
  const { conf, servers } = options;
  const types = conf.noAaaa ? [TYPE_A] : [TYPE_A, TYPE_AAAA];
  const questions = types.map((type) => ({ name, type }));
  const cost = { queries: 0, seconds: 0 };
  let status: Status = 'failed';
  for (let round = 0; round < Math.max(1, conf.attempts); round++) {
    for (const [i, server] of servers.entries()) {
      const got = await askServer(server, questions, timeoutOf(i, conf.timeout, servers.length), options);
      for (const part of got) {
        cost.queries += part.reduce((sum, one) => sum + one.sent, 0);
        cost.seconds += Math.max(...part.map(({ outcome }) => outcome.seconds));
      }
      const verdict = statusOf(got.flat());
      if (verdict !== 'failed' && verdict !== 'servfail') return { ...cost, status: verdict };
      if (verdict === 'servfail') status = verdict;
    }
  }
  return { ...cost, status };
}

/** Milliseconds: later servers share a longer time between them. */
function timeoutOf(index: number, seconds: number, servers: number): number {
  const grown = seconds * 2 ** index;
  return 1000 * Math.max(1, Math.floor(index > 0 ? grown / servers : grown));
}

/** What is asked at once is one part. */
async function askServer(
  server: Endpoint,
  questions: readonly { name: string; type: number }[],
  timeout: number,
  { conf, ask }: StubOptions,
): Promise<Exchange[][]> {
  const protocol = conf.useVc ? 'tcp' : 'udp';
  const atOnce = protocol === 'udp' && !conf.singleRequest && !conf.singleRequestReopen;
  if (atOnce) return [await ask(server, questions, protocol, timeout)];
  const parts: Exchange[][] = [];
  for (const question of questions) parts.push(await ask(server, [question], protocol, timeout));
  return parts;
}

function statusOf(exchanges: readonly Exchange[]): Status {
  const statuses = exchanges.map(({ outcome, query }): Status => {
    if (outcome.kind !== 'answer') return 'failed';
    const { message } = outcome;
    if (NO_VERDICT.has(message.rcodeName)) return 'servfail';
    if (message.rcodeName !== 'NOERROR') return 'nxdomain';
    return answersOf(message, query.question).data.length ? 'found' : 'nodata';
  });
  // One missing answer makes glibc ask again, even when the other family was found.
  const order: readonly Status[] = statuses.includes('failed')
    ? ['failed']
    : ['found', 'servfail', 'nodata', 'nxdomain'];
  return order.find((status) => statuses.includes(status)) ?? 'failed';
}
