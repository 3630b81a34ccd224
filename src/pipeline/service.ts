import type { ComponentStatus, Extension, Status } from '#component';
import { fanOut } from './fanout.ts';
import { createInstance, type Instance, type Surroundings } from './instance.ts';
import { StartError, startInOrder, stopInOrder } from './life.ts';
import { type Plan, plan, type WantedService } from './plan.ts';

export interface ServiceOptions extends Omit<Surroundings, 'onStatus' | 'inherited'> {
  /** Milliseconds for the whole of a drain. */
  drainTimeout: number;
}

/** How long the log is told no more of a component that is in trouble and well by turns. Milliseconds. */
const PAUSE = 60_000;

/** The running pipelines. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #surroundings: Surroundings;
  #wanted: WantedService | undefined;
  #instances = new Map<string, Instance>();
  /** By place, what components left that were stopped in a reload, until it is taken or the reload is over. */
  readonly #legacies = new Map<string, unknown>();

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#surroundings = {
      ...options,
      onStatus: (...told) => this.#onStatus(...told),
      inherited: ({ node }) => this.#inherited(node.key),
    };
  }

  /** Starts everything, or nothing: when one component cannot, those that had started are stopped again. */
  async start(wanted: WantedService, signal: AbortSignal): Promise<void> {
    const instances = this.#create(plan(wanted), new Map());
    this.#instances = instances;
    this.#connect();
    await this.#startOrUndo([...instances.values()], signal);
    this.#wanted = wanted;
    this.#tell((extension) => extension.onReady?.());
  }

  /**
   * Swaps what changed; everything else, with what it holds, runs on. Receivers that stay wait at a gate meanwhile. When
   * the new cannot start, the old is set up again, and this rejects.
   */
  async reload(wanted: WantedService, signal: AbortSignal): Promise<void> {
    const before = this.#wanted!;
    try {
      await this.#swap(wanted, signal);
      this.#wanted = wanted;
    } catch (error) {
      // Who stops the agent in the middle wants nothing set up again.
      if (!signal.aborted) await this.#rollBack(before, error, signal);
      throw signal.aborted ? signal.reason : new RolledBackError(error);
    } finally {
      for (const instance of this.#instances.values()) instance.outlet?.release();
      this.#legacies.clear();
    }
    this.#tell((extension) => extension.onReady?.());
  }

  async #rollBack(before: WantedService, error: unknown, signal: AbortSignal): Promise<void> {
    try {
      await this.#swap(before, signal);
    } catch (worse) {
      const cause = new AggregateError([error, worse]);
      throw new Error('neither the new nor the old pipelines can start', { cause });
    }
    this.#tell((extension) => extension.onReady?.());
  }

  /** Flushes and ends everything within the drain timeout. Never rejects. */
  async stop(): Promise<void> {
    this.#tell((extension) => extension.onDraining?.());
    await this.#stop([...this.#instances.values()]);
    this.#instances.clear();
  }

  /** Every component that runs, with how it is. */
  statuses(): ComponentStatus[] {
    return [...this.#instances.values()].map(({ node, status }) => ({
      kind: node.wanted.kind,
      id: node.wanted.id,
      status,
    }));
  }

  /** Where a person can look, by component. */
  addresses(): { kind: string; id: string; address: string }[] {
    return [...this.#instances.values()].flatMap(({ node, component }) => {
      const address = component.address?.();
      return address ? [{ kind: node.wanted.kind, id: node.wanted.id, address }] : [];
    });
  }

  /** A component's code threw where nobody could catch it: the component counts as failed, the rest goes on. */
  fail(instance: Instance, why: string): void {
    this.#onStatus(instance, 'permanent', why);
  }

  /** Changes nothing until every new component could be made. */
  #create(wanted: Plan, kept: ReadonlyMap<string, Instance>): Map<string, Instance> {
    const instances = new Map<string, Instance>();
    const made: Instance[] = [];
    const extensionOf = (id: string) => instances.get(`extension/${id}`)?.component as Extension | undefined;
    try {
      for (const node of wanted) {
        const old = kept.get(node.key);
        const instance = old ?? this.#make(node, extensionOf);
        if (!old) made.push(instance);
        instance.node = node;
        instances.set(node.key, instance);
      }
    } catch (error) {
      for (const instance of made) instance.retire();
      throw error;
    }
    return instances;
  }

  #make(node: Plan[number], extensionOf: (id: string) => Extension | undefined): Instance {
    try {
      return createInstance(node, this.#surroundings, extensionOf);
    } catch (error) {
      throw new StartError(node, error);
    }
  }

  #connect(): void {
    for (const { node, outlet } of this.#instances.values()) {
      outlet?.connect(fanOut(node.next.map((key) => this.#instances.get(key)!.inlet!)));
    }
  }

  async #startOrUndo(instances: readonly Instance[], signal: AbortSignal): Promise<void> {
    const started: Instance[] = [];
    try {
      await startInOrder(instances, signal, (instance) => {
        started.push(instance);
        if (instance.status === 'starting') this.#onStatus(instance, 'ok');
      });
    } catch (error) {
      await this.#stop(started);
      for (const instance of instances) {
        instance.retire();
        this.#instances.delete(instance.node.key);
      }
      throw error;
    }
  }

  async #swap(wanted: WantedService, signal: AbortSignal): Promise<void> {
    const old = this.#instances;
    const next = plan(wanted);
    const kept = keepable(next, old);
    const instances = this.#create(next, kept);
    const held = [...kept.values()].filter((i) => i.node.wanted.kind === 'receiver');
    const deadline = this.#deadline();
    try {
      // Held until `reload` is done, the way back included.
      await Promise.all(held.map((i) => i.outlet!.hold(deadline.signal)));
      await this.#stop([...old.values()].filter((i) => !kept.has(i.node.key)));
      this.#instances = instances;
      this.#connect();
      await this.#startOrUndo(
        [...instances.values()].filter((i) => !kept.has(i.node.key)),
        signal,
      );
    } finally {
      deadline.cancel();
    }
  }

  async #stop(instances: readonly Instance[]): Promise<void> {
    const deadline = this.#deadline();
    for (const instance of instances) instance.outlet?.release();
    try {
      await stopInOrder(instances, this.#options.clock, deadline.signal, (instance, error) => {
        const { kind, id } = instance.node.wanted;
        if (error !== undefined) this.#options.logs.component(kind, id).error('did not stop cleanly', { error });
        this.#onStatus(instance, 'stopped');
      });
    } finally {
      deadline.cancel();
    }
    for (const { node, component } of instances) {
      const legacy = component.legacy?.();
      if (legacy !== undefined) this.#legacies.set(node.key, legacy);
    }
  }

  #inherited(key: string): unknown {
    const legacy = this.#legacies.get(key);
    this.#legacies.delete(key);
    return legacy;
  }

  #deadline(): { signal: AbortSignal; cancel: () => void } {
    const controller = new AbortController();
    const { clock, drainTimeout } = this.#options;
    const cancel = clock.after(drainTimeout, () => controller.abort(new Error('the drain deadline has passed')));
    return { signal: controller.signal, cancel };
  }

  #onStatus(instance: Instance, status: Status, why?: string, said?: 'said'): void {
    if (instance.status === status) return;
    const was = instance.status;
    instance.status = status;
    const { kind, id } = instance.node.wanted;
    const log = this.#options.logs.component(kind, id);
    if (status === 'permanent') log.error('has failed', { why });
    else if (status === 'recoverable' && !said && this.#mayTell(instance, 'trouble'))
      log.warn('is in trouble', { why });
    else if (status === 'ok' && was === 'permanent') log.info('is well again');
    else if (status === 'ok' && was === 'recoverable' && this.#mayTell(instance, 'well')) log.info('is well again');
    this.#tell((extension) => extension.onStatus?.({ kind, id, status, ...(why === undefined ? {} : { why }) }));
  }

  /** A receiver that refuses every other batch would fill the log with both lines. */
  #mayTell({ told }: Instance, what: 'trouble' | 'well'): boolean {
    const now = this.#options.clock.monotonic();
    if (now - told[what] < PAUSE) return false;
    told[what] = now;
    return true;
  }

  #tell(say: (extension: Extension) => void): void {
    for (const { node, component } of this.#instances.values()) {
      if (node.wanted.kind === 'extension' && component) say(component as Extension);
    }
  }
}

/** The reload did not work out, and the old pipelines run again. */
export class RolledBackError extends Error {
  override readonly name = 'RolledBackError';
  constructor(cause: unknown) {
    super('the new pipelines could not start; the old ones run on', { cause });
  }
}

/** The instances that may stay: same place, same configuration, well, and on no extension that goes. */
function keepable(next: Plan, old: ReadonlyMap<string, Instance>): Map<string, Instance> {
  const kept = new Map<string, Instance>();
  for (const node of next) {
    const instance = old.get(node.key);
    if (!instance || instance.node.wanted.fingerprint !== node.wanted.fingerprint) continue;
    if (instance.status === 'permanent' || instance.status === 'stopped') continue;
    if ([...instance.leansOn].every((id) => kept.has(`extension/${id}`))) kept.set(node.key, instance);
  }
  return kept;
}
