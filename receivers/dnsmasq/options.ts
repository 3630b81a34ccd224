/**
 * What a running dnsmasq was told that counts here, read as dnsmasq itself reads it: the command line from left to right,
 * and last the first `--conf-file`, or /etc/dnsmasq.conf. What is said later holds. Pure but for the files it is handed.
 */

export interface DnsmasqOptions {
  /** Children at once; 20 unless told otherwise, which only dnsmasq 2.90 and later can be. */
  readonly maxTcpConnections: number;
  /** 0: no DNS, as where it gives out addresses only. */
  readonly port: number;
}

/** The files as dnsmasq sees them. */
export interface ConfigFiles {
  /** Undefined when it is not there or may not be read. */
  read(path: string): string | undefined;
  list(folder: string): string[];
}

const DEFAULT_FILE = '/etc/dnsmasq.conf';
const SHORT: Readonly<Record<string, string>> = { C: 'conf-file', 7: 'conf-dir', p: 'port' };
/** Short options without a value; the others take the rest of the word, or the next one. */
const WITHOUT_VALUE = '951yZDNLERKzowefnbvhdkq';
const MAX_FILES = 1000;

export function readOptions(args: readonly string[], files: ConfigFiles): DnsmasqOptions {
  const reader = new Reader(files);
  let main: string | undefined;
  for (const [name, value] of parseArguments(args.slice(1))) {
    if (name === 'conf-file' && main === undefined) main = value;
    else reader.take(name, value);
  }
  reader.take('conf-file', main ?? DEFAULT_FILE);
  return reader.options;
}

class Reader {
  readonly options = { maxTcpConnections: 20, port: 53 };
  readonly #files: ConfigFiles;
  readonly #seen = new Set<string>();

  constructor(files: ConfigFiles) {
    this.#files = files;
  }

  take(name: string, value: string): void {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : undefined;
    if (name === 'max-tcp-connections' && number) this.options.maxTcpConnections = number;
    else if (name === 'port' && number !== undefined) this.options.port = number;
    else if (name === 'conf-file') this.#file(value);
    else if (name === 'conf-dir') for (const path of this.#filesOf(value)) this.#file(path);
  }

  #file(path: string): void {
    // No file at all, and standard input, which nobody can read again.
    if (path === '/dev/null' || path === '-') return;
    // A file counts once, so files that name each other come to an end.
    if (this.#seen.has(path) || this.#seen.size >= MAX_FILES) return;
    this.#seen.add(path);
    for (const line of (this.#files.read(path) ?? '').split('\n')) {
      const setting = parseLine(line);
      if (setting) this.take(...setting);
    }
  }

  /** `FOLDER[,*.ENDING|,ENDING…]`: with a star only these, without it not these. */
  #filesOf(value: string): string[] {
    const [folder = '', ...endings] = value.split(',').map((part) => part.trim());
    const wanted = endings.filter((one) => /^\*./.test(one)).map((one) => one.slice(1));
    const unwanted = endings.filter((one) => one !== '' && !one.startsWith('*'));
    const endsIn = (name: string, some: string[]) => some.some((end) => name.length > end.length && name.endsWith(end));
    return this.#files
      .list(folder)
      .filter((name) => !/^\.|~$|^#.*#$/.test(name))
      .filter((name) => (!wanted.length || endsIn(name, wanted)) && !endsIn(name, unwanted))
      .sort()
      .map((name) => `${folder}/${name}`);
  }
}

/** As getopt_long(3) does, for the options that are known here. */
function* parseArguments(words: readonly string[]): Generator<[name: string, value: string]> {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '--') return;
    const [, long, value] = /^--([a-z0-9-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (long) yield [long, value ?? (isKnown(long) ? (words[++i] ?? '') : '')];
    else if (/^-[^-]/.test(word)) {
      const [flag, inWord] = firstWithValue(word);
      if (flag) yield [SHORT[flag] ?? flag, inWord || (words[++i] ?? '')];
    }
  }
}

const isKnown = (name: string) => ['conf-file', 'conf-dir', 'port', 'max-tcp-connections'].includes(name);

/** The option with a value among those that one word holds together, `-kp5353`. */
function firstWithValue(word: string): [flag: string | undefined, value: string] {
  let at = 1;
  while (at < word.length && WITHOUT_VALUE.includes(word[at]!)) at++;
  return [word[at], word.slice(at + 1)];
}

/** `NAME=VALUE`, spaces around both, quotes around parts of them; `#` at the beginning of a word begins a comment. */
function parseLine(line: string): [name: string, value: string] | undefined {
  const plain = line.replace(/"((?:[^"\\]|\\.)*)"|(?:^|\s)#.*$/g, (_, quoted?: string) => quoted ?? '');
  const [, name, value] = /^\s*([a-z0-9-]+)\s*=\s*(.*?)\s*$/.exec(plain) ?? [];
  return name === undefined || value === undefined ? undefined : [name, value];
}
