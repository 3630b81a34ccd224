import type { Counter, Host, MetricDeclaration } from '#component';
import { Gathering, SampledCounter, SampledGauge } from '#kit';
import { type HostRoot, parseConntrackStat, parseCount } from '#linux';
import { type Batch, pointCount } from '#metrics';
import { Losses, semanticsOf } from './losses.ts';
import {
  COLUMNS,
  type Column,
  ENTRIES,
  ENTRIES_AT_LIMIT,
  ENTRIES_LIMIT,
  ENTRIES_PEAK,
  INSERT_LOSSES,
  INSERT_LOSSES_PEAK,
  SEMANTICS,
} from './metrics.ts';

/** Those of the host whatever namespace the agent is in, where process 1 is the host's. */
const STAT = '/proc/1/net/stat/nf_conntrack';
/** `nf_conntrack_count` beside it would be the reader's own namespace's. */
const LIMIT = '/proc/sys/net/netfilter/nf_conntrack_max';

const ABSENT = `the kernel tracks no connections, or there is no ${STAT}`;
/** Entries and losses are there for every kernel that has the file at all. */
const NEEDED = ['entries', 'insert_failed', 'drop'];

/** What has been seen of the table since it was first there. */
class Table {
  readonly entries = new SampledGauge();
  readonly columns = new Map<Column, SampledCounter>();
  readonly losses = new SampledCounter();
  readonly #counted = new Losses();
  #totals: ReadonlyMap<string, number> = new Map();

  get totals(): ReadonlyMap<string, number> {
    return this.#totals;
  }

  note(totals: ReadonlyMap<string, number>, now: number, limit: number | undefined): void {
    this.#totals = totals;
    this.entries.note(totals.get('entries') ?? 0, now, limit);
    this.losses.note(this.#counted.note(totals), now);
    for (const column of COLUMNS) {
      const total = totals.get(column.column);
      if (total === undefined) continue;
      const sampled = this.columns.get(column) ?? new SampledCounter();
      this.columns.set(column, sampled);
      sampled.note(total, now);
    }
  }
}

/** Reads the host's connection tracking table's statistics. */
export class ConntrackCollector {
  readonly #root: HostRoot;
  readonly #host: Host;
  readonly #sampled: boolean;
  readonly #gathering = new Gathering();
  readonly #scraped: Counter;
  readonly #errored: Counter;
  #table: Table | undefined;
  #limit: number | undefined;
  #trouble: string | undefined;

  /** `sampled`: `look` is called between collections, so that peaks mean something. */
  constructor(root: HostRoot, host: Host, sampled: boolean) {
    this.#root = root;
    this.#host = host;
    this.#sampled = sampled;
    const count = (name: string, help: string) =>
      host.meter.counter(name, { help, unit: '{datapoints}', attributes: { scraper: 'conntrack' } });
    this.#scraped = count('otelcol_scraper_scraped_metric_points', 'Number of metric points successfully scraped.');
    this.#errored = count(
      'otelcol_scraper_errored_metric_points',
      'Number of metric points that were unable to be scraped.',
    );
  }

  /** Did the last look find the table? */
  get isWatching(): boolean {
    return this.#table !== undefined;
  }

  /** Between collections: notes what is there. Trouble is the next collection's to tell. */
  look(now: number): void {
    try {
      this.#note(now);
    } catch {
      this.#errored.add(1);
    }
  }

  /** Everything of now, and markers for what is no longer there. */
  collect(): Batch {
    const { clock } = this.#host;
    const time = clock.now();
    try {
      // 0: the table takes as many as there is memory for.
      this.#limit = parseCount(this.#root.read(LIMIT) ?? '') || undefined;
      this.#note(clock.monotonic());
      this.#tell(this.#table ? undefined : ABSENT);
    } catch (error) {
      this.#errored.add(1);
      this.#table = undefined;
      this.#tell((error as Error).message);
    }
    if (this.#table) this.#report(this.#table);
    const batch = this.#gathering.finish(time);
    this.#scraped.add(pointCount(batch));
    return batch;
  }

  #note(now: number): void {
    const text = this.#root.read(STAT);
    if (text === undefined) {
      this.#table = undefined;
      return;
    }
    const totals = parseConntrackStat(text);
    const lacking = NEEDED.filter((column) => !totals.has(column));
    if (lacking.length) throw new Error(`${STAT} has no ${lacking.join(', ')}`);
    this.#table ??= new Table();
    this.#table.note(totals, now, this.#limit);
  }

  #report({ entries, columns, losses, totals }: Table): void {
    const add = (metric: MetricDeclaration, value: number) => this.#gathering.add(metric, {}, value);
    const { last, peak, atLimitSeconds } = entries.collect();
    add(ENTRIES, last);
    if (this.#limit !== undefined) add(ENTRIES_LIMIT, this.#limit);
    if (this.#sampled) add(ENTRIES_PEAK, peak);
    if (this.#sampled && this.#limit !== undefined) add(ENTRIES_AT_LIMIT, atLimitSeconds);
    this.#count(INSERT_LOSSES, losses, INSERT_LOSSES_PEAK);
    for (const [{ metric, peak }, sampled] of columns) this.#count(metric, sampled, peak);
    this.#gathering.add(SEMANTICS, { insert_failed: semanticsOf(totals) }, 1);
  }

  #count(metric: MetricDeclaration, sampled: SampledCounter, peak: MetricDeclaration | undefined): void {
    const { total, peakPerSecond } = sampled.collect();
    this.#gathering.add(metric, {}, total);
    if (peak && this.#sampled) this.#gathering.add(peak, {}, peakPerSecond);
  }

  /** Says once what is wrong, and once that it no longer is. */
  #tell(trouble: string | undefined): void {
    const { host, was } = { host: this.#host, was: this.#trouble };
    this.#trouble = trouble;
    if (trouble === undefined) host.report('ok');
    else host.report('recoverable', trouble);
    if (trouble === was) return;
    if (trouble !== undefined) host.log.warn('there are no statistics of connection tracking', { why: trouble });
    else host.log.info('there are statistics of connection tracking again');
  }
}
