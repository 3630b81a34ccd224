import { type Consumer, type Host, MemoryShortError, type Processor } from '#component';
import { type Batch, pointCount } from '#metrics';
import { type LimiterConfig, type Limits, limitsOf } from './limits.ts';
import type { Memory } from './memory.ts';

/** Between two checks memory is looked at when data comes, no more often than this. Milliseconds. */
const LOOK = 50;

/** Refuses batches while memory in use is above the soft limit. The error may be retried: the data is the caller's still. */
export class MemoryLimiter implements Processor {
  readonly #config: LimiterConfig;
  readonly #host: Host;
  readonly #next: Consumer;
  readonly #memory: Memory;
  readonly #limits: Limits;
  readonly #accepted;
  readonly #refused;
  #cancelTimer = () => {};
  #running = false;
  #refusing = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** On the clock's monotonic time. */
  #collectedAt = Number.NEGATIVE_INFINITY;

  constructor(config: LimiterConfig, host: Host, next: Consumer, memory: Memory) {
    this.#config = config;
    this.#host = host;
    this.#next = next;
    this.#memory = memory;
    this.#limits = limitsOf(config, memory.total());
    const count = (name: string, help: string) =>
      host.meter.counter(`otelcol_processor_memory_limiter_${name}_metric_points`, { help, unit: '{datapoints}' });
    this.#accepted = count(
      'accepted',
      'Number of metric points successfully pushed into the next component in the pipeline.',
    );
    this.#refused = count(
      'refused',
      'Number of metric points that were rejected by the next component in the pipeline.',
    );
  }

  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#host.log.debug('memory limits', { ...this.#limits });
    this.#check();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#refusing = false;
    this.#cancelTimer();
    this.#memory.leaveRoom(Number.POSITIVE_INFINITY, 1);
  }

  async consume(batch: Batch, signal: AbortSignal): Promise<void> {
    const points = pointCount(batch);
    // What fills memory comes this way: a check a second would see it too late.
    if (this.#running && !this.#refusing && this.#host.clock.monotonic() - this.#lookedAt >= LOOK) this.#look();
    if (this.#refusing) {
      this.#refused.add(points);
      throw new MemoryShortError('data refused due to high memory usage');
    }
    await this.#next.consume(batch, signal);
    this.#accepted.add(points);
  }

  #look(): void {
    const used = this.#settle(this.#memory.used());
    const refuse = used > this.#limits.soft;
    if (refuse !== this.#refusing) this.#say(refuse, used);
    this.#refusing = refuse;
    this.#memory.leaveRoom(this.#limits.soft - used, used);
    this.#lookedAt = this.#host.clock.monotonic();
  }

  #check(): void {
    this.#look();
    this.#cancelTimer = this.#host.clock.after(this.#config.check_interval, () => this.#check());
  }

  /** Collects garbage when that is due; returns what is in use then. */
  #settle(used: number): number {
    const { hard, soft } = this.#limits;
    if (used <= soft) return used;
    const { min_gc_interval_when_hard_limited, min_gc_interval_when_soft_limited } = this.#config;
    const least = used > hard ? min_gc_interval_when_hard_limited : min_gc_interval_when_soft_limited;
    if (this.#host.clock.monotonic() - this.#collectedAt < least) return used;
    this.#memory.collect();
    this.#collectedAt = this.#host.clock.monotonic();
    return this.#memory.used();
  }

  #say(refuse: boolean, used: number): void {
    const fields = { used_mib: mib(used), soft_limit_mib: mib(this.#limits.soft) };
    if (refuse) this.#host.log.warn('memory in use is above the soft limit; refusing data', fields);
    else this.#host.log.info('memory in use is within the limits again; taking data', fields);
  }
}

const mib = (bytes: number) => Math.round(bytes / (1024 * 1024));
