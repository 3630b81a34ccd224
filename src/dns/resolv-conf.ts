import { isIP } from 'node:net';

/** What glibc's resolver makes of `/etc/resolv.conf` (resolv.conf(5), glibc's resolv/res_init.c). */
export interface ResolvConf {
  /** The servers that are asked, in order: the first three that are addresses, or `127.0.0.1` when the file names none. */
  readonly nameservers: readonly string[];
  /** Every address that the file names; what is beyond the third is never asked. */
  readonly allNameservers: readonly string[];
  /** Domains that are tried behind a name, as written. */
  readonly search: readonly string[];
  /** Names with at least this many dots are tried as they are first. 1 unless the file says otherwise, at most 15. */
  readonly ndots: number;
  /** Seconds to wait for the first server's answer, at most 30. */
  readonly timeout: number;
  /** Rounds over all servers, at most 5. */
  readonly attempts: number;
  readonly rotate: boolean;
  /** A and AAAA are asked one after the other … */
  readonly singleRequest: boolean;
  /** … and from a socket each. */
  readonly singleRequestReopen: boolean;
  readonly useVc: boolean;
  readonly edns0: boolean;
  readonly trustAd: boolean;
  readonly noAaaa: boolean;
  /** Every word behind `options`, known or not. */
  readonly options: readonly string[];
  /** Lines that glibc passes over, or where it takes something else than a reader may think. */
  readonly ignored: readonly IgnoredLine[];
}

export interface IgnoredLine {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

/** RES_MAXNDOTS, RES_MAXRETRANS, RES_MAXRETRY and MAXNS of glibc's resolv.h. */
export const MAX_NDOTS = 15;
export const MAX_TIMEOUT = 30;
export const MAX_ATTEMPTS = 5;
export const MAX_NAMESERVERS = 3;

type Flag = 'rotate' | 'singleRequest' | 'singleRequestReopen' | 'useVc' | 'edns0' | 'trustAd' | 'noAaaa';

const FLAGS: Readonly<Record<string, Flag>> = {
  rotate: 'rotate',
  'single-request': 'singleRequest',
  'single-request-reopen': 'singleRequestReopen',
  'use-vc': 'useVc',
  edns0: 'edns0',
  'trust-ad': 'trustAd',
  'no-aaaa': 'noAaaa',
};
const LIMITS: Readonly<Record<string, number>> = { ndots: MAX_NDOTS, timeout: MAX_TIMEOUT, attempts: MAX_ATTEMPTS };
/** Known to glibc, and of no effect on what is asked. */
const SILENT = new Set([
  'debug',
  'inet6',
  'insecure1',
  'insecure2',
  'ip6-bytestring',
  'ip6-dotint',
  'no-ip6-dotint',
  'no-reload',
  'no-tld-query',
  'no_tld_query',
]);

interface Draft {
  servers: string[];
  search: string[] | undefined;
  numbers: Record<string, number>;
  flags: Set<Flag>;
  options: string[];
  ignored: IgnoredLine[];
}

/**
 * Reads the text of a resolv.conf. Nothing in it is an error: like glibc, this passes over what it does not know, and says so
 * in `ignored`. `hostname` gives the search domain of a file without one: what stands behind its first dot.
 */
export function parseResolvConf(text: string, hostname = ''): ResolvConf {
  const draft: Draft = {
    servers: [],
    search: undefined,
    numbers: { ndots: 1, timeout: 5, attempts: 2 },
    flags: new Set(),
    options: [],
    ignored: [],
  };
  text.split('\n').forEach((line, i) => {
    const why = readLine(line, draft);
    if (why) draft.ignored.push({ line: i + 1, text: line.slice(0, 256), why });
  });
  const dot = hostname.indexOf('.');
  const { ndots, timeout, attempts } = draft.numbers as Record<'ndots' | 'timeout' | 'attempts', number>;
  const flag = (name: Flag) => draft.flags.has(name);
  return {
    nameservers: draft.servers.length ? draft.servers.slice(0, MAX_NAMESERVERS) : ['127.0.0.1'],
    allNameservers: draft.servers,
    search: draft.search ?? (dot > 0 && dot < hostname.length - 1 ? [hostname.slice(dot + 1)] : []),
    ndots,
    timeout,
    attempts,
    rotate: flag('rotate'),
    singleRequest: flag('singleRequest'),
    singleRequestReopen: flag('singleRequestReopen'),
    useVc: flag('useVc'),
    edns0: flag('edns0'),
    trustAd: flag('trustAd'),
    noAaaa: flag('noAaaa'),
    options: draft.options,
    ignored: draft.ignored,
  };
}

/** Why the line does not count in full; '' when it does, or is a comment. */
function readLine(line: string, draft: Draft): string {
  // A comment begins in the first column, nowhere else.
  if (line.trim() === '' || line.startsWith('#') || line.startsWith(';')) return '';
  const start = /^([a-z]+)[ \t]+(?=[^ \t\r])/.exec(line);
  if (!start) return /^[ \t]/.test(line) ? 'a keyword must stand in the first column' : 'is no keyword with a value';
  const rest = line.slice(start[0].length).trimEnd();
  switch (start[1]) {
    case 'nameserver':
      return readServer(rest, draft);
    case 'domain':
      draft.search = words(rest).slice(0, 1);
      return '';
    case 'search':
      draft.search = words(rest);
      return '';
    case 'options':
      return readOptions(words(rest), draft);
    case 'sortlist':
      return '';
    default:
      return `${start[1]} is no keyword`;
  }
}

function readServer(rest: string, draft: Draft): string {
  const address = rest.split(/[;#\s]/, 1)[0]!;
  if (!isIP(address)) return `${address || 'nothing'} is no address`;
  draft.servers.push(address);
  return draft.servers.length > MAX_NAMESERVERS ? `only the first ${MAX_NAMESERVERS} nameservers are asked` : '';
}

function readOptions(options: readonly string[], draft: Draft): string {
  const unknown: string[] = [];
  for (const option of options) {
    draft.options.push(option);
    const [name, number] = option.split(':', 2) as [string, string | undefined];
    const limit = LIMITS[name];
    if (limit !== undefined && number !== undefined) draft.numbers[name] = Math.min(atoi(number), limit);
    else if (FLAGS[option]) draft.flags.add(FLAGS[option]);
    else if (!SILENT.has(option)) unknown.push(option);
  }
  return unknown.length ? `no options of glibc: ${unknown.join(' ')}` : '';
}

/** C's atoi, as glibc reads these: digits as far as they go, 0 when there are none. Negative numbers are 0 here. */
function atoi(text: string): number {
  const digits = /^[+]?\d{1,9}/.exec(text);
  return digits ? Number(digits[0]) : 0;
}

const words = (text: string): string[] => text.split(/[ \t]+/).filter((word) => word !== '');
