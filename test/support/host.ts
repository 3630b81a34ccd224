import type {
  Attributes,
  ComponentStatus,
  Consumer,
  Counter,
  Extension,
  Fields,
  Host,
  InstrumentOptions,
  Kind,
  LogManner,
  Meter,
} from '#component';
import type { Batch } from '#metrics';
import { FakeClock } from './clock.ts';

export interface LogEntry {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: Fields;
  /** Only where it was given. */
  manner?: LogManner;
}

/** A host that remembers what a component did with it. */
export interface FakeHost extends Host {
  clock: FakeClock;
  logs: LogEntry[];
  statuses: ComponentStatus[];
  extensions: Map<string, Extension>;
  /** What the component finds that an instance before it left. */
  legacy: unknown;
  /** Why the component asked the agent to end, each time. */
  shutdowns: string[];
  /** The value of a counter or gauge; attributes narrow it. Adds up what matches; undefined when nothing does. */
  metric(name: string, attributes?: Attributes): number | undefined;
  /** What a histogram recorded. */
  recorded(name: string): number[];
}

interface Instrument {
  name: string;
  attributes: Attributes;
  read: () => number | undefined;
}

export function fakeHost(kind: Kind = 'receiver', id = 'test', clock = new FakeClock()): FakeHost {
  const logs: LogEntry[] = [];
  const statuses: ComponentStatus[] = [];
  const extensions = new Map<string, Extension>();
  const shutdowns: string[] = [];
  const instruments: Instrument[] = [];
  const histograms = new Map<string, number[]>();
  const log =
    (level: LogEntry['level']) =>
    (message: string, fields: Fields = {}, manner?: LogManner) => {
      logs.push({ level, message, fields, ...(manner && { manner }) });
    };
  const counters = new Map<string, Counter>();
  const meter: Meter = {
    counter(name, options = {}) {
      const key = `${name} ${JSON.stringify(options.attributes ?? {})}`;
      const known = counters.get(key);
      if (known) return known;
      const made = countingCounter();
      counters.set(key, made);
      instruments.push({ name, attributes: options.attributes ?? {}, read: () => made.value });
      return made;
    },
    observableCounter(name, read, options: InstrumentOptions = {}) {
      instruments.push({ name, attributes: options.attributes ?? {}, read });
    },
    gauge(name, read, options: InstrumentOptions = {}) {
      instruments.push({ name, attributes: options.attributes ?? {}, read });
    },
    histogram(name) {
      const values = histograms.get(name) ?? [];
      histograms.set(name, values);
      return { record: (value) => values.push(value) };
    },
  };
  const host: FakeHost = {
    kind,
    id,
    clock,
    version: '0.0.0-test',
    logs,
    statuses,
    extensions,
    shutdowns,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    meter,
    report: (status, why) => statuses.push(why === undefined ? { kind, id, status } : { kind, id, status, why }),
    shutdown: (why) => shutdowns.push(why),
    legacy: undefined,
    inherited: () => host.legacy,
    extension(wanted) {
      const found = extensions.get(wanted);
      if (!found) throw new Error(`no extension ${wanted}`);
      return found;
    },
    metric(name, attributes = {}) {
      const found = instruments
        .filter((i) => i.name === name && Object.entries(attributes).every(([k, v]) => i.attributes[k] === v))
        .map((i) => i.read())
        .filter((v) => v !== undefined);
      return found.length ? found.reduce((a, b) => a + b, 0) : undefined;
    },
    recorded: (name) => histograms.get(name) ?? [],
  };
  return host;
}

function countingCounter(): Counter {
  let value = 0;
  return {
    add(n) {
      value += n;
    },
    get value() {
      return value;
    },
  };
}

/** A consumer that keeps what it gets. `fail` makes the next calls reject. */
export interface Sink extends Consumer {
  batches: Batch[];
  fail: unknown;
  /** Resolves as soon as `n` batches have come. */
  received(n: number): Promise<void>;
}

export function sink(): Sink {
  let wake = () => {};
  return {
    batches: [],
    fail: undefined,
    async consume(batch) {
      if (this.fail !== undefined) throw this.fail;
      this.batches.push(batch);
      wake();
    },
    async received(n) {
      while (this.batches.length < n) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
