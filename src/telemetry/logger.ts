import { inspect } from 'node:util';
import type { Clock } from '#clock';
import type { Fields, Kind, Logger, LogManner } from '#component';

export type Level = 'debug' | 'info' | 'warn' | 'error';
const RANK: Record<Level, number> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LogOptions {
  level: Level;
  encoding: 'console' | 'json';
  clock: Clock;
  /** Takes one event: a line, its line feed included, or several where the event has a text. */
  write(line: string): void;
  /** Within `tick` ms, of lines with the same level, component and message: the `initial` first, then every `thereafter`-th. */
  sampling?: { tick: number; initial: number; thereafter: number };
  /** Added to every line. */
  fields?: Fields;
}

export interface Logs {
  /** The agent's own voice. */
  readonly root: Logger;
  component(kind: Kind, id: string): Logger;
}

/**
 * One line an event. Console: `time level kind/id: message {fields}`, and below it the text of an event that has
 * one; JSON: one object with the Collector's key names, the text in `text`.
 */
export function createLogs(options: LogOptions): Logs {
  const pass = options.sampling ? sampler(options.clock, options.sampling) : () => true;
  const format: Format = options.encoding === 'json' ? formatJson : formatConsole;
  const logger = (who: Who | undefined): Logger => {
    const at = (level: Level) => (message: string, fields?: Fields, manner?: LogManner) => {
      if (RANK[level] < RANK[options.level]) return;
      if (!manner?.always && !pass(`${level} ${who?.kind}/${who?.id} ${message}`)) return;
      const time = new Date(options.clock.now()).toISOString();
      options.write(`${format(time, level, who, message, { ...options.fields, ...fields }, manner?.text)}\n`);
    };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  };
  return { root: logger(undefined), component: (kind, id) => logger({ kind, id }) };
}

interface Who {
  kind: Kind;
  id: string;
}

type Format = (
  time: string,
  level: Level,
  who: Who | undefined,
  message: string,
  fields: Fields,
  text?: string,
) => string;

const formatConsole: Format = (time, level, who, message, fields, text) => {
  const from = who ? `${who.kind} ${who.id}: ` : '';
  const rest = Object.keys(fields).length ? ` ${JSON.stringify(plain(fields))}` : '';
  const below = text ? `\n${text.split('\n').map(oneLine).join('\n')}` : '';
  return `${time} ${level.padEnd(5)} ${from}${oneLine(message)}${rest}${below}`;
};

const formatJson: Format = (time, level, who, message, fields, text) => {
  const from = who ? { 'otelcol.component.kind': who.kind, 'otelcol.component.id': who.id } : {};
  return JSON.stringify({ level, ts: time, msg: message, ...from, ...(plain(fields) as object), text });
};

/** Control characters (a line feed, a terminal's escape) must neither end the line nor reach the terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (c) =>
    JSON.stringify(c)
      .slice(1, -1)
      .replace(/^[^\\]$/, '\ufffd'),
  );
}

/** What JSON can write: errors as their messages with causes, bigint as text. A Secret says [REDACTED] itself. */
function plain(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return explain(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return String(value);
  if (value === null || typeof value !== 'object') return value;
  if (depth > 4) return inspect(value, { depth: 0 });
  if (Array.isArray(value)) return value.map((v) => plain(v, depth + 1));
  if (value instanceof Map) return plain(Object.fromEntries(value), depth);
  if ('toJSON' in value && typeof value.toJSON === 'function') return value.toJSON();
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v, depth + 1)]));
}

/** An error in one line: its message, then each cause that says something new. */
export function explain(error: unknown): string {
  const parts: string[] = [];
  let e: unknown = error;
  for (let depth = 0; e !== undefined && e !== null && depth < 8; depth++) {
    const message = e instanceof AggregateError ? e.errors.map(explain).join('; ') : messageOf(e);
    if (!parts.some((p) => p.includes(message))) parts.push(message);
    e = e instanceof Error ? e.cause : undefined;
  }
  return parts.join(': ');
}

const messageOf = (e: unknown) => (e instanceof Error ? e.message || e.name : String(e));

const MOST_KEYS = 1000;

function sampler(clock: Clock, { tick, initial, thereafter }: NonNullable<LogOptions['sampling']>) {
  let since = clock.monotonic();
  let seen = new Map<string, number>();
  return (key: string): boolean => {
    if (clock.monotonic() - since >= tick || seen.size >= MOST_KEYS) {
      since = clock.monotonic();
      seen = new Map();
    }
    const n = (seen.get(key) ?? 0) + 1;
    seen.set(key, n);
    return n <= initial || (thereafter > 0 && (n - initial) % thereafter === 0);
  };
}
