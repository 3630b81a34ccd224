import type { Clock } from '#clock';
import type { Instance } from './instance.ts';
import { runAs } from './instance.ts';
import type { PlanNode } from './plan.ts';

/** A component that could not start; the message names it. */
export class StartError extends Error {
  override readonly name = 'StartError';
  constructor({ wanted }: PlanNode, cause: unknown) {
    super(`cannot start ${wanted.kind} ${wanted.id}`, { cause });
  }
}

/**
 * Starts one after the other in the order of the plan. What had started is left running when one fails. A start that goes on
 * when the signal has aborted is given up; that component counts as started, so that it is stopped.
 */
export async function startInOrder(
  instances: readonly Instance[],
  signal: AbortSignal,
  onStarted: (instance: Instance) => void,
): Promise<void> {
  for (const instance of instances) {
    signal.throwIfAborted();
    try {
      await unlessAborted(
        runAs(instance, async () => instance.component.start?.(signal)),
        signal,
      );
    } catch (error) {
      if (!signal.aborted) throw new StartError(instance.node, error);
    }
    onStarted(instance);
  }
  signal.throwIfAborted();
}

/** Rejects as soon as the signal aborts, whatever the work does then. */
function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** How long a component that overstays the deadline is still waited for, in milliseconds. */
const GRACE = 100;

/**
 * Stops receivers, then processors from the receivers' side on, then exporters, then extensions; what may run side by side
 * does. Each gets the shared deadline; one that overstays it is left behind. Never rejects.
 */
export async function stopInOrder(
  instances: readonly Instance[],
  clock: Clock,
  deadline: AbortSignal,
  onStopped: (instance: Instance, error?: unknown) => void,
): Promise<void> {
  for (const group of stopGroups(instances)) {
    await Promise.all(
      group.map(async (instance) => {
        try {
          const stopped = runAs(instance, async () => instance.component.stop?.(deadline));
          await withinGrace(stopped, clock, deadline);
          onStopped(instance);
        } catch (error) {
          onStopped(instance, error);
        } finally {
          instance.retire();
        }
      }),
    );
  }
}

/** Instances come in the order of starting. Extensions depend on one another, so they stop one by one. */
function stopGroups(instances: readonly Instance[]): Instance[][] {
  const of = (kind: string) => instances.filter((i) => i.node.wanted.kind === kind);
  const processors = of('processor').reverse();
  const chains = new Map<string, Instance[]>();
  for (const one of processors) {
    const pipeline = one.node.pipelines[0]!;
    chains.set(pipeline, [...(chains.get(pipeline) ?? []), one]);
  }
  const longest = Math.max(0, ...[...chains.values()].map((chain) => chain.length));
  const layers = Array.from({ length: longest }, (_, i) => [...chains.values()].flatMap((chain) => chain[i] ?? []));
  const extensions = of('extension')
    .reverse()
    .map((one) => [one]);
  return [of('receiver'), ...layers, of('exporter'), ...extensions];
}

function withinGrace(work: Promise<unknown>, clock: Clock, deadline: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let cancel = () => {};
    const onDeadline = () => {
      cancel = clock.after(GRACE, () => reject(new Error('did not stop before the deadline')));
    };
    const settled = () => {
      cancel();
      deadline.removeEventListener('abort', onDeadline);
    };
    work.then(
      () => {
        settled();
        resolve();
      },
      (error) => {
        settled();
        reject(error);
      },
    );
    if (deadline.aborted) onDeadline();
    else deadline.addEventListener('abort', onDeadline, { once: true });
  });
}
