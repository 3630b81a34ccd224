/** One process life: load, build, start, wait, reload, drain. */
import { isDeepStrictEqual } from 'node:util';
import { type Clock, systemClock } from '#clock';
import type { Resolved } from './config/resolve.ts';
import type { Telemetry as TelemetryConfig } from './config/service.ts';
import { greeting } from './greeting.ts';
import { culprit } from './pipeline/instance.ts';
import type { WantedService } from './pipeline/plan.ts';
import { RolledBackError, Service } from './pipeline/service.ts';
import { explain, type Logs } from './telemetry/logger.ts';
import { MeterRegistry } from './telemetry/meter.ts';
import { type OwnMetrics, type Streams, startLogs, startOwnMetrics } from './telemetry/telemetry.ts';
import { tidyMemory } from './tidy.ts';
import { fitYoungGeneration } from './young.ts';

/** Milliseconds that SIGTERM leaves for flushing; with what components overstay it, the process is gone within five seconds. */
const DRAIN_TIMEOUT = 4000;

/** What came of reading the configuration: something to run, or a report for the user with every fault in it. */
export type Loading = { ok: true; resolved: Resolved; warnings: string } | { ok: false; report: string };

export type AgentEvent = 'stop' | 'reload';

export interface AgentOptions {
  load(): Promise<Loading>;
  /** Named in the greeting. */
  source: string;
  version: string;
  streams: Streams;
  clock?: Clock;
  /** Subscribes to signals; returns the way to end it. */
  onEvent(listener: (event: AgentEvent) => void): () => void;
  /** Subscribes to errors that nobody caught; returns the way to end it. */
  onUncaught(listener: (error: unknown) => void): () => void;
}

/** Runs until told to stop. Resolves with the exit code: 0 after a clean end, 1 when it could not start or broke down. */
export async function runAgent(options: AgentOptions): Promise<number> {
  const first = await options.load();
  if (!first.ok) {
    options.streams.stderr.write(first.report);
    return 1;
  }
  options.streams.stderr.write(first.warnings);
  const agent = new Agent(options, first.resolved);
  return agent.run(first.resolved);
}

class Agent {
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #registry = new MeterRegistry();
  readonly #service: Service;
  readonly #stopping = new AbortController();
  /** Drawn when it is first shown, as node:crypto takes its time to load. */
  #instance: string | undefined;
  #telemetry: TelemetryConfig;
  #logs: Logs;
  #metrics: OwnMetrics | undefined;
  #code = 0;
  #reloads = Promise.resolve();

  constructor(options: AgentOptions, resolved: Resolved) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#telemetry = resolved.service.telemetry;
    this.#logs = startLogs(this.#telemetry.logs, this.#clock, options.streams);
    this.#service = new Service({
      clock: this.#clock,
      // Components keep their logger over a reload of the log's settings.
      logs: { root: this.#logs.root, component: (kind, id) => this.#logs.component(kind, id) },
      meters: this.#registry,
      version: options.version,
      drainTimeout: DRAIN_TIMEOUT,
      onShutdown: ({ node }, why) => {
        this.#logs.component(node.wanted.kind, node.wanted.id).info('ends the agent', { why });
        this.#stop(0);
      },
    });
  }

  async run(resolved: Resolved): Promise<number> {
    const stopped = new Promise<void>((resolve) => {
      this.#stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const unsubscribe = [
      this.#options.onEvent((event) => (event === 'stop' ? this.#stop(0) : this.#queueReload())),
      this.#options.onUncaught((error) => this.#onUncaught(error)),
    ];
    try {
      if (await this.#start(resolved)) {
        unsubscribe.push(tidyMemory(this.#clock), fitYoungGeneration(this.#clock));
        await stopped;
      }
      await this.#drain();
    } finally {
      for (const end of unsubscribe) end();
    }
    return this.#code;
  }

  async #start(resolved: Resolved): Promise<boolean> {
    try {
      this.#metrics = await this.#showOwnMetrics(this.#telemetry);
      await this.#service.start(wantedOf(resolved), this.#stopping.signal);
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#cannot(error);
      return false;
    }
    const { source, version, streams } = this.#options;
    const pages = [...this.#service.addresses(), ...this.#ownAddresses()];
    const { encoding } = this.#telemetry.logs;
    if (encoding === 'console') streams.stderr.write(greeting(resolved.service.pipelines, pages, source, version));
    this.#logs.root.info('everything is ready; running and processing data', { version });
    return true;
  }

  async #showOwnMetrics(config: TelemetryConfig): Promise<OwnMetrics> {
    try {
      return await startOwnMetrics(this.#registry, config, this.#options.version, () => this.#instanceId());
    } catch (error) {
      throw new Error("cannot show the agent's own metrics (service.telemetry.metrics)", { cause: error });
    }
  }

  #instanceId(): string {
    this.#instance ??= process.getBuiltinModule('node:crypto').randomUUID();
    return this.#instance;
  }

  #ownAddresses() {
    return (this.#metrics?.addresses ?? []).map((address) => ({ kind: 'dnscol', id: 'itself', address }));
  }

  #cannot(error: unknown): void {
    this.#logs.root.error(explain(error));
    this.#code = 1;
  }

  #stop(code: number): void {
    this.#code ||= code;
    this.#stopping.abort(new Error('stopping'));
  }

  async #drain(): Promise<void> {
    this.#logs.root.info('stopping');
    // The stop has told a reload that is under way to give up.
    await withLimit(this.#reloads, this.#clock, DRAIN_TIMEOUT / 4);
    await this.#service.stop();
    await withLimit(this.#metrics?.stop(), this.#clock, 500);
    this.#logs.root.info('stopped');
  }

  /** One reload after the other; those that come while one runs are one more. */
  #queued = false;
  #queueReload(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#reloads = this.#reloads.then(async () => {
      this.#queued = false;
      if (!this.#stopping.signal.aborted) await this.#reload();
    });
  }

  async #reload(): Promise<void> {
    const log = () => this.#logs.root;
    log().info('reloading the configuration');
    const loading = await this.#options
      .load()
      .catch((error) => ({ ok: false, report: `${explain(error)}\n` }) as const);
    if (!loading.ok) {
      this.#options.streams.stderr.write(loading.report);
      log().error('the new configuration has faults; the old one runs on');
      return;
    }
    this.#options.streams.stderr.write(loading.warnings);
    try {
      this.#swapLogs(loading.resolved.service.telemetry);
      await this.#service.reload(wantedOf(loading.resolved), this.#stopping.signal);
      await this.#restartMetrics(loading.resolved.service.telemetry);
      log().info('the new configuration runs');
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      log().error(explain(error));
      if (!(error instanceof RolledBackError)) this.#stop(1);
    }
  }

  #swapLogs({ logs }: TelemetryConfig): void {
    if (!isDeepStrictEqual(this.#telemetry.logs, logs)) {
      this.#logs = startLogs(logs, this.#clock, this.#options.streams);
    }
    this.#telemetry = { ...this.#telemetry, logs };
  }

  /** Anew after every reload: the SDK would show the last numbers of a component that has gone for ever. */
  async #restartMetrics(next: TelemetryConfig): Promise<void> {
    const before = this.#telemetry;
    await withLimit(this.#metrics?.stop(), this.#clock, 500);
    this.#metrics = undefined;
    for (const telemetry of [next, { ...next, metrics: before.metrics }]) {
      this.#telemetry = telemetry;
      try {
        this.#metrics = await this.#showOwnMetrics(telemetry);
        return;
      } catch (error) {
        this.#logs.root.error(explain(error));
      }
    }
  }

  /** An error that nobody caught: its component has failed and the rest goes on; without a component, the agent ends. */
  #onUncaught(error: unknown): void {
    const instance = culprit();
    const stack = error instanceof Error ? error.stack : undefined;
    if (instance?.component) {
      const { kind, id } = instance.node.wanted;
      this.#logs.component(kind, id).error('an error that was not caught', { error, stack });
      this.#service.fail(instance, explain(error));
      return;
    }
    this.#logs.root.error('an error that was not caught', { error, stack });
    this.#stop(1);
  }
}

function wantedOf({ receivers, processors, exporters, extensions, service }: Resolved): WantedService {
  const { pipelines, extensions: started } = service;
  return { receivers, processors, exporters, extensions, started, pipelines };
}

async function withLimit(work: Promise<unknown> | undefined, clock: Clock, ms: number): Promise<void> {
  let cancel = () => {};
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([Promise.resolve(work).catch(() => {}), limit]);
  cancel();
}
