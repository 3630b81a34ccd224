/** The contract between the core and a component. `npm run new -- receiver NAME` makes a component from it. */
import type { Clock } from '#clock';
import type { Schema } from '#config';
import type { Batch, MetricType } from '#metrics';

export type Kind = 'receiver' | 'processor' | 'exporter' | 'extension';

/**
 * Where batches go. Resolving means "I have it", rejecting gives the batch back to the caller, with a PermanentError where
 * sending it again cannot help. Awaiting is the only flow control there is. Batches are never changed in place.
 */
export interface Consumer {
  consume(batch: Batch, signal: AbortSignal): Promise<void>;
}

export interface Component {
  /** Resolves when running; rejects with a sentence for the user when it cannot. The signal aborts a start that is given up. */
  start?(signal: AbortSignal): Promise<void>;
  /**
   * Ends everything that start began and flushes what is held. The signal aborts when the shared drain deadline has passed:
   * from then on drop, count, and return.
   */
  stop?(signal: AbortSignal): Promise<void>;
  /**
   * What the instance that takes its place at a reload may go on with; asked for after `stop`. That one may be of another
   * configuration, and need not ask for it.
   */
  legacy?(): unknown;
  /** Where a person can look once it runs, such as `http://127.0.0.1:9464/metrics`; for the greeting. */
  address?(): string | undefined;
}

export type Receiver = Component;
export type Processor = Component & Consumer;
export type Exporter = Component &
  Consumer & {
    /**
     * It has a sending queue: resolving means "held", and it counts what it sends and fails to send itself
     * (`otelcol_exporter_sent_metric_points` …), as #queue's sender does. Otherwise the core counts for it.
     */
    readonly queued?: boolean;
  };

/** What an exporter's or receiver's HTTP client asks of an authenticator before each request. */
export interface Authenticator {
  /** Headers to add to a request; `body` is the exact bytes that will be sent, for schemes that sign it. */
  authenticate(
    request: { method: string; url: URL; headers: Readonly<Record<string, string>>; body: Uint8Array },
    signal: AbortSignal,
  ): Promise<Record<string, string>>;
  /**
   * Told of an answer 400, 401 or 403 to a request that it signed; at most twice for one request. Throws when new
   * credentials are wanted and cannot be had: the request then fails as one that may be retried.
   */
  refused?(refusal: Refusal, signal: AbortSignal): Promise<Verdict> | Verdict;
}

export interface Refusal {
  readonly url: URL;
  readonly status: number;
  /** The answer's, lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** What `authenticate` had given for this request. */
  readonly sent: Readonly<Record<string, string>>;
}

export interface Verdict {
  /** What signs requests has changed since (a newer token, a corrected clock): worth sending once more, and no more than once. */
  readonly again: boolean;
  /** For the user: who signed with what, and what to look at. Never a secret. */
  readonly advice?: string;
}

/** What a server of ours asks about each request that comes in. */
export interface ServerAuthenticator {
  /** Undefined lets the request in; else what to answer it in `WWW-Authenticate`, with a 401. */
  admit(
    request: { method: string; path: string; headers: Readonly<Record<string, string | string[] | undefined>> },
    signal: AbortSignal,
  ): Promise<string | undefined>;
}

/** What a component asks of an extension that has a disk, such as `file_storage`. */
export interface Storage {
  /**
   * A folder that belongs to this component alone, the same each time. To be called when the component is made; the folder is
   * there, or can be made, from its start on. Throws a sentence when there is none.
   */
  lend(kind: Kind, id: string): StorageSpace;
}

export interface StorageSpace {
  readonly folder: string;
  /** The most bytes that the component may have there. */
  readonly maxBytes: number;
  /** Everything is to be safe from a power cut before it is called stored; otherwise within a second. */
  readonly fsync: boolean;
}

export interface Extension extends Component {
  /** All pipelines run. */
  onReady?(): void;
  /** The agent is stopping; pipelines still drain. */
  onDraining?(): void;
  /** A component said how it is. */
  onStatus?(status: ComponentStatus): void;
  /** For clients of ours. */
  authenticator?: Authenticator;
  /** For servers of ours. */
  serverAuthenticator?: ServerAuthenticator;
  storage?: Storage;
}

/** `recoverable`: trouble that may pass by itself. `permanent`: it will not; the component's pipelines are unhealthy. */
export type Status = 'starting' | 'ok' | 'recoverable' | 'permanent' | 'stopping' | 'stopped';

export interface ComponentStatus {
  readonly kind: Kind;
  readonly id: string;
  readonly status: Status;
  readonly why?: string;
}

export interface Logger {
  debug(message: string, fields?: Fields, manner?: LogManner): void;
  info(message: string, fields?: Fields, manner?: LogManner): void;
  warn(message: string, fields?: Fields, manner?: LogManner): void;
  error(message: string, fields?: Fields, manner?: LogManner): void;
}
/** How an event is to be written, where that is not as usual. */
export interface LogManner {
  /** Never left out by the log's own sampling: for what the caller thins out itself, and for what happens once (a target went down). */
  readonly always?: boolean;
  /** Text of many lines. The console shows them below the event's line; JSON has them in the field `text`. */
  readonly text?: string;
}
/** Never a secret's value. An Error is written with its causes. */
export type Fields = Readonly<Record<string, unknown>>;

export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Counting costs an addition to a number; the SDK reads it when it collects. */
export interface Counter {
  add(n: number): void;
  readonly value: number;
}
export interface HistogramInstrument {
  record(value: number): void;
}

export interface InstrumentOptions {
  help?: string;
  /** UCUM, as OpenTelemetry writes it: `s`, `By`, `{datapoints}`. */
  unit?: string;
  attributes?: Attributes;
}

/**
 * The agent's own metrics. Every instrument carries the component's own attribute (`{receiver: id}`, `{exporter: id}`, …)
 * and goes away with the component. The same name and attributes give the same counter.
 */
export interface Meter {
  counter(name: string, options?: InstrumentOptions): Counter;
  /** A counter that something else keeps. */
  observableCounter(name: string, read: () => number | undefined, options?: InstrumentOptions): void;
  gauge(name: string, read: () => number | undefined, options?: InstrumentOptions): void;
  histogram(name: string, options?: InstrumentOptions & { boundaries?: number[] }): HistogramInstrument;
}

/** All that a component can reach of the agent. */
export interface Host {
  readonly kind: Kind;
  /** The component's full id, `type` or `type/name`. */
  readonly id: string;
  readonly log: Logger;
  readonly meter: Meter;
  readonly clock: Clock;
  /** dnscol's version, for User-Agent headers and build info. */
  readonly version: string;
  /**
   * Says how the component is. Repeating the same status is free. `said`: the component has told its log about it already,
   * or is about to, so the core need not.
   */
  report(status: 'ok' | 'recoverable' | 'permanent', why?: string, said?: 'said'): void;
  /** Asks the agent to end as SIGTERM does: everything is drained, and the exit code is 0. */
  shutdown(why: string): void;
  /** The `legacy` of the instance whose place this one takes; nothing without one. To be asked for once, in `start`. */
  inherited(): unknown;
  /** The running extension of that id; throws when the configuration does not start one. */
  extension(id: string): Extension;
}

/** One metric that a component makes, for its README's table. */
export interface MetricDeclaration {
  name: string;
  type: MetricType;
  help: string;
  labels?: readonly string[];
  unit?: string;
}

interface Declaration<C> {
  /** The YAML key, the folder's name and the main file's name. */
  type: string;
  /** Other spellings that are accepted, such as the Collector's newer `otlp_http`. */
  aliases?: readonly string[];
  /** One line for `dnscol components`. */
  summary: string;
  stability: 'development' | 'alpha' | 'beta' | 'stable';
  config: Schema<C>;
  metrics?: readonly MetricDeclaration[];
}
export interface ReceiverFactory<C = unknown> extends Declaration<C> {
  kind: 'receiver';
  /** How data reach it, for the Collector's `transport` label on what is accepted: `http`. */
  transport?: string;
  create(config: C, host: Host, next: Consumer): Receiver;
}
export interface ProcessorFactory<C = unknown> extends Declaration<C> {
  kind: 'processor';
  /** It does its work only as the first of a pipeline; elsewhere the user is warned. */
  first?: boolean;
  create(config: C, host: Host, next: Consumer): Processor;
}
export interface ExporterFactory<C = unknown> extends Declaration<C> {
  kind: 'exporter';
  create(config: C, host: Host): Exporter;
}
export interface ExtensionFactory<C = unknown> extends Declaration<C> {
  kind: 'extension';
  /** Its extensions have a `storage`. */
  stores?: boolean;
  create(config: C, host: Host): Extension;
}
export type Factory = ReceiverFactory | ProcessorFactory | ExporterFactory | ExtensionFactory;

// Each takes a declaration, infers the configuration's type from its schema and hands it back untyped for the list.
export const receiver = <C>(declaration: Omit<ReceiverFactory<C>, 'kind'>): ReceiverFactory =>
  ({ kind: 'receiver', ...declaration }) as unknown as ReceiverFactory;
export const processor = <C>(declaration: Omit<ProcessorFactory<C>, 'kind'>): ProcessorFactory =>
  ({ kind: 'processor', ...declaration }) as unknown as ProcessorFactory;
export const exporter = <C>(declaration: Omit<ExporterFactory<C>, 'kind'>): ExporterFactory =>
  ({ kind: 'exporter', ...declaration }) as unknown as ExporterFactory;
export const extension = <C>(declaration: Omit<ExtensionFactory<C>, 'kind'>): ExtensionFactory =>
  ({ kind: 'extension', ...declaration }) as unknown as ExtensionFactory;

/** Sending the same again cannot help: drop, count, say so. Every other error may be retried. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
}

/** The other side asked for a pause (Retry-After). Milliseconds. */
export class ThrottleError extends Error {
  override readonly name = 'ThrottleError';
  readonly delay: number;
  constructor(message: string, delay: number, options?: ErrorOptions) {
    super(message, options);
    this.delay = delay;
  }
}

/** Memory is short. May be retried; whoever gets this lets go of what it holds only to be faster. */
export class MemoryShortError extends Error {
  override readonly name = 'MemoryShortError';
}

export function isMemoryShort(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e instanceof MemoryShortError || (e instanceof AggregateError && e.errors.some(isMemoryShort))) return true;
  }
  return false;
}

export function isPermanent(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if (e instanceof PermanentError) return true;
  return false;
}
