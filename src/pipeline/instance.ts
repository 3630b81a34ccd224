import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '#clock';
import type {
  Component,
  Consumer,
  Exporter,
  Extension,
  Factory,
  Host,
  Logger,
  Meter,
  Processor,
  Status,
} from '#component';
import type { Logs } from '../telemetry/logger.ts';
import type { MeterRegistry } from '../telemetry/meter.ts';
import { exporterInlet, type Outlet, processorInlet, processorOutlet, receiverOutlet } from './edge.ts';
import type { PlanNode } from './plan.ts';

/** What the core lends to every component. */
export interface Surroundings {
  readonly clock: Clock;
  readonly logs: Logs;
  readonly meters: MeterRegistry;
  readonly version: string;
  onStatus(instance: Instance, status: Status, why?: string, said?: 'said'): void;
  /** What the instance before left to it. */
  inherited(instance: Instance): unknown;
  /** A component wants the agent to end. */
  onShutdown(instance: Instance, why: string): void;
}

/** A node of the plan come to life. */
export class Instance {
  node: PlanNode;
  component!: Component;
  /** How batches get in; processors and exporters have one. */
  inlet: Consumer | undefined;
  /** How batches get out; receivers and processors have one. */
  readonly outlet: Outlet | undefined;
  /** The extensions it asked for: when one of them is replaced, it has to be as well. */
  readonly leansOn = new Set<string>();
  status: Status = 'starting';
  /** Monotonic milliseconds at which the log was told last that it is in trouble, and that it is well again. */
  readonly told = { trouble: Number.NEGATIVE_INFINITY, well: Number.NEGATIVE_INFINITY };
  /** Takes its instruments away. */
  readonly retire: () => void;

  constructor(node: PlanNode, outlet: Outlet | undefined, retire: () => void) {
    this.node = node;
    this.outlet = outlet;
    this.retire = retire;
  }
}

/** Tells whose code an uncaught error came from: timers and sockets keep the context they were made in. */
const running = new AsyncLocalStorage<Instance>();
export const culprit = (): Instance | undefined => running.getStore();
export const runAs = <T>(instance: Instance, run: () => T): T => running.run(instance, run);

/** Makes the component, unconnected and not started. What `create` throws goes to the caller. */
export function createInstance(
  node: PlanNode,
  surroundings: Surroundings,
  extensionOf: (id: string) => Extension | undefined,
): Instance {
  const { kind, id, factory, config } = node.wanted;
  const { clock, logs, meters, version } = surroundings;
  const { meter, close } = meters.scope({ [kind]: id });
  const log = logs.component(kind, id);
  const outlet = outletFor(factory, clock, meter, log);
  const instance = new Instance(node, outlet, () => {
    outlet?.end();
    close();
  });
  const host: Host = {
    kind,
    id,
    clock,
    version,
    meter,
    log,
    report: (status, why, said) => surroundings.onStatus(instance, status, why, said),
    shutdown: (why) => surroundings.onShutdown(instance, why),
    inherited: () => surroundings.inherited(instance),
    extension(wanted) {
      instance.leansOn.add(wanted);
      const found = extensionOf(wanted);
      if (!found) throw new Error(`${kind} ${id} needs extension ${wanted}, which service.extensions does not start`);
      return found;
    },
  };
  try {
    instance.component = runAs(instance, () =>
      factory.kind === 'receiver' || factory.kind === 'processor'
        ? factory.create(config, host, instance.outlet!)
        : factory.create(config, host),
    );
  } catch (error) {
    close();
    throw error;
  }
  instance.inlet = inletFor(instance, clock, meter);
  return instance;
}

function outletFor(factory: Factory, clock: Clock, meter: Meter, log: Logger): Outlet | undefined {
  if (factory.kind === 'receiver') return receiverOutlet(clock, meter, log, factory.transport);
  return factory.kind === 'processor' ? processorOutlet(clock, meter) : undefined;
}

function inletFor({ node, component, outlet }: Instance, clock: Clock, meter: Meter): Consumer | undefined {
  const { kind } = node.wanted;
  if (kind === 'processor') return processorInlet(component as Processor, outlet!, clock, meter);
  if (kind !== 'exporter') return undefined;
  const exporter = component as Exporter;
  return exporter.queued ? exporter : exporterInlet(exporter, meter);
}
