import type { Clock } from '#clock';
import { type Consumer, isMemoryShort, type Logger } from '#component';
import { shownUrl } from '#http';
import { inTurns, turns } from '#kit';
import { type Batch, pointCount } from '#metrics';
import type { Collected, Collector } from './collector.ts';
import type { Shown } from './heritage.ts';
import type { ScrapeMetrics } from './metrics.ts';
import type { PageSource } from './page.ts';
import type { Report } from './report.ts';
import { Schedule } from './schedule.ts';
import { firstScrape, type Target } from './target.ts';
import { timetableOf } from './timetable.ts';

/** What a target is scraped with. It is most of what a target costs, and made when it is first needed. */
export interface Tools {
  source: PageSource;
  collector: Collector;
  report: Report;
  next: Consumer;
}

/** What the loops of a job share. */
export interface LoopParts {
  job: string;
  tools(target: Target): Tools;
  clock: Clock;
  log: Logger;
  metrics: ScrapeMetrics;
  /** Keeps two agents' scrapes of one target apart. */
  seed: string;
  /** Milliseconds added before the first scrape. */
  initialOffset: number;
  /** Why this job's targets may not be scraped now, such as target_limit; undefined: they may. */
  forcedError(): Error | undefined;
  /** What the target showed before a reload. */
  inherited(target: Target): Shown | undefined;
  /** What all series of the target have in common. */
  keyOf(target: Target): string;
}

/** After a target has gone, so long until its series are marked stale, in intervals: it may come back. Prometheus' figure. */
const GRACE = 1.1;

interface Made extends Tools {
  /** Ends a scrape under way. */
  readonly stopping: AbortController;
  /** Ends what downstream has not taken when the time to drain is over. */
  readonly giveUp: AbortController;
}

/**
 * Scrapes one target for as long as it is there: at fixed moments, one scrape at a time, handing each on before the next.
 */
export class TargetLoop {
  readonly target: Target;
  readonly #parts: LoopParts;
  #made: Made | undefined;
  #stopped = false;
  #schedule: Schedule | undefined;
  #cancel = () => {};
  #underWay: Promise<void> = Promise.resolve();
  #leaving = false;
  #scraped = false;
  #fault: string | undefined;
  /** Until the first scrape. */
  #inherited: Shown | undefined;
  /** The last batch was refused because memory is short. */
  #short = false;

  constructor(target: Target, parts: LoopParts) {
    this.#parts = parts;
    this.target = target;
    this.#inherited = parts.inherited(target);
  }

  /** What was shown last of the target, for who goes on with it after `stop`. */
  left(): Shown | undefined {
    if (!this.#scraped) return this.#inherited;
    const { collector, report } = this.#tools();
    return { key: this.#parts.keyOf(this.target), series: collector.alive, report, interval: this.target.interval };
  }

  /** Whether the last scrape failed. */
  get down(): boolean {
    return this.#fault !== undefined;
  }

  /** Begins, or goes on after `leave` with all that is known of the target. */
  start(): void {
    const { clock, seed, initialOffset } = this.#parts;
    this.#cancel();
    this.#leaving = false;
    const first = firstScrape(clock, this.target, seed, !this.#scraped);
    this.#schedule = new Schedule(clock, this.target.interval, first + initialOffset);
    this.#arm();
  }

  /**
   * The target is gone. A scrape under way is finished; its series are marked stale when it has not come back after two
   * intervals and a bit, with the time at which the next scrape would have been. `gone` is called then.
   */
  leave(gone: () => void): void {
    const { clock } = this.#parts;
    this.#cancel();
    this.#leaving = true;
    this.#cancel = timetableOf(clock).at(this.#schedule?.due ?? 0, () => {
      const time = clock.now();
      this.#cancel = clock.after(this.target.interval * GRACE, () => {
        this.#underWay = this.#underWay.then(() => this.#markGone(time, gone));
      });
      return undefined;
    });
  }

  /** Ends at once, but for what downstream is still taking, which gets until `signal` aborts. Marks nothing stale. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#cancel();
    this.#stopped = true;
    this.#made?.stopping.abort(new Error('the receiver is stopping'));
    await this.#settle(signal);
  }

  /** One scrape more after `stop`, whatever the time. */
  async scrapeLast(signal: AbortSignal): Promise<void> {
    if (this.#leaving || signal.aborted) return;
    this.#underWay = this.#underWay.then(() => this.#scrape(this.#parts.clock.now(), signal));
    await this.#settle(signal);
  }

  #settle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#made?.giveUp.abort(signal.reason);
        resolve();
      };
      if (signal.aborted) return end();
      signal.addEventListener('abort', end, { once: true });
      this.#underWay.then(() => {
        signal.removeEventListener('abort', end);
        resolve();
      });
    });
  }

  #arm(): void {
    const schedule = this.#schedule!;
    const due = () => {
      // Looked at now: those that share the slot share its time, whoever comes first.
      const time = schedule.stamp();
      return () => {
        this.#underWay = this.#underWay.then(() => this.#round(schedule, time));
      };
    };
    this.#cancel = timetableOf(this.#parts.clock).at(schedule.due, due, !this.#scraped);
  }

  async #round(schedule: Schedule, time: number): Promise<void> {
    if (this.#ended(schedule)) return;
    await this.#scrape(time, this.#tools().stopping.signal);
    if (this.#ended(schedule)) return;
    const missed = schedule.advance();
    if (missed > 0) this.#parts.metrics.skipped(this.#parts.job, missed);
    this.#arm();
  }

  #tools(): Made {
    if (this.#made) return this.#made;
    const made = this.#parts.tools(this.target);
    made.collector.inherit(this.#inherited?.series);
    this.#made = { ...made, stopping: new AbortController(), giveUp: new AbortController() };
    return this.#made;
  }

  #ended(schedule: Schedule): boolean {
    return this.#stopped || this.#leaving || schedule !== this.#schedule;
  }

  async #scrape(time: number, signal: AbortSignal): Promise<void> {
    const { clock, job, metrics } = this.#parts;
    const { collector, report, source } = this.#tools();
    const started = clock.monotonic();
    let collected: Collected;
    let fault: unknown;
    const short = this.#short;
    // A page that nobody will take is not asked for. What says so is small, and tells whether it would be taken now.
    const unasked = short ? new Error('memory is short: not scraped') : this.#parts.forcedError();
    try {
      if (unasked) throw unasked;
      const page = await source.fetch(signal);
      const steps = collector.prepare(page);
      if (steps) await inTurns(steps, turns(signal));
      collected = collector.collect(page, time, clock.now());
    } catch (error) {
      // A scrape that was cut off says nothing about the target.
      if (signal.aborted) return;
      fault = error;
      const counts = await inTurns(collector.count(error), turns(signal)).catch(() => undefined);
      if (signal.aborted) return;
      collected = collector.fail(time, counts);
      metrics.failed(job, error);
    }
    this.#scraped = true;
    this.#inherited = undefined;
    if (!short) this.#noteFault(fault);
    metrics.refused(collected.refused);
    const { scraped, kept, added } = collected;
    const duration = clock.monotonic() - started;
    const outcome = { up: fault === undefined, duration, scraped, kept, added, bodySize: unasked ? 0 : source.size() };
    if (await this.#hand([...collected.batch, report.snapshot(outcome, time)])) collected.arrived();
  }

  async #markGone(time: number, gone: () => void): Promise<void> {
    if (!this.#leaving || this.#stopped) return;
    gone();
    if (!this.#scraped && !this.#inherited) return;
    const { collector, report } = this.#tools();
    await this.#hand([...collector.fail(time).batch, report.stale(time)]);
  }

  /** True when downstream took the batch; where it did not, the edge has counted and said so. */
  async #hand(batch: Batch): Promise<boolean> {
    const { job, log, metrics } = this.#parts;
    const { next, giveUp } = this.#tools();
    try {
      await next.consume(batch, giveUp.signal);
      metrics.scraped(job, pointCount(batch));
      this.#short = false;
      return true;
    } catch (error) {
      log.debug('samples of a scrape were refused', { job, target: shownUrl(this.target.url), error });
      this.#short = isMemoryShort(error);
      if (this.#short) this.#forget();
      return false;
    }
  }

  /** Gives back what is kept of the page to make the next scrape cheap. */
  #forget(): void {
    this.#made?.source.forget();
    this.#made?.collector.forget();
  }

  /** Says once that a target went down, why, and that it is back. */
  #noteFault(fault: unknown): void {
    const { job, log } = this.#parts;
    const reason = fault === undefined ? undefined : fault instanceof Error ? fault.message : String(fault);
    if (reason === this.#fault) return;
    const target = shownUrl(this.target.url);
    // Said once for each target, so that none of many that go down together may be left out.
    const always = { always: true };
    if (reason !== undefined) log.warn('scrape failed', { job, target, error: fault }, always);
    else log.info('scrape succeeds again', { job, target }, always);
    this.#fault = reason;
  }
}
