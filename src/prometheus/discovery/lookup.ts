import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock } from '#clock';
import { answersOf, ask, candidates, type Endpoint, ownSockets, parseResolvConf, typeNumber } from '#dns';

export interface LookupOptions {
  clock: Clock;
  /** The file that names servers and search domains, read for each lookup. */
  resolvConf: string;
  /** The servers' port. */
  port: number;
}

/** Answers by UDP larger than this are asked for again by TCP. */
const UDP_SIZE = 1232;

/**
 * The data of the records of a name, as zone files write them (`10 5 9153 host.example.`), by Prometheus' rules: servers are
 * asked in turn for each name of the search list, until one says that the name exists, with or without such records. None
 * when all agree that no such name exists. Rejects when that cannot be said.
 */
export async function lookUp(
  name: string,
  type: string,
  { clock, resolvConf, port }: LookupOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const conf = parseResolvConf(await readFile(resolvConf, 'utf8'), hostname());
  const servers = conf.allNameservers.length ? conf.allNameservers : conf.nameservers;
  const failures: string[] = [];

  /** The records, `nxdomain`, or undefined when no server could tell. */
  async function lookUpOne(candidate: string): Promise<readonly string[] | 'nxdomain' | undefined> {
    for (const address of servers) {
      const answer = await askOne({ address, port }, candidate);
      if (typeof answer !== 'string' || answer === 'nxdomain') return answer as readonly string[] | 'nxdomain';
      failures.push(`${candidate} at ${address}: ${answer}`);
    }
    return undefined;
  }

  /** The records, `nxdomain`, or why there is no answer. */
  async function askOne(server: Endpoint, candidate: string): Promise<readonly string[] | string> {
    const timeout = conf.timeout * 1000 || 1000;
    const protocol = conf.useVc ? 'tcp' : 'udp';
    const options = { clock, timeout, protocol, tcpOnTruncation: true, udpSize: UDP_SIZE } as const;
    const { outcome, query } = await ask(ownSockets, server, candidate, typeNumber(type)!, options, signal);
    if (outcome.kind === 'timeout') return 'no answer in time';
    if (outcome.kind === 'error') return outcome.error.message;
    const { message } = outcome;
    if (message.rcodeName === 'NXDOMAIN') return 'nxdomain';
    if (message.rcodeName !== 'NOERROR') return message.rcodeName;
    return message.truncated ? 'the answer is truncated' : answersOf(message, query.question).data;
  }

  for (const candidate of candidates(name, conf)) {
    const found = await lookUpOne(candidate);
    if (found !== undefined && found !== 'nxdomain') return found;
  }
  if (failures.length > 0) throw new Error(`cannot look up ${type} of ${name}: ${failures.join('; ')}`);
  return [];
}
