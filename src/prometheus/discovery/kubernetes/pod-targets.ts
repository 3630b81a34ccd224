import { hostPort } from '../address.ts';
import { addContainer, addContainerPort, addPod, type LabelMap, type Surroundings } from './labels.ts';
import { keyOf, type Pod, type Port, type Reference } from './objects.ts';

/**
 * The pods behind the endpoints of a service: each endpoint gets the labels of its pod, and ports of the pod's containers
 * that the service does not name become targets of their own.
 */
export class PodTargets {
  readonly #around: Surroundings;
  readonly #seen = new Map<string, { pod: Pod; ports: Set<number | undefined> }>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** `protocol` is what the port's label says, where that is not the container's own word. */
  decorate(target: LabelMap, reference: Reference | undefined, port: Port, protocol?: string): void {
    const pod = reference?.kind === 'Pod' ? this.#around.find('pods', keyOf(reference)) : undefined;
    if (!pod) return;
    const seen = this.#seen.get(keyOf(pod)) ?? { pod, ports: new Set() };
    this.#seen.set(keyOf(pod), seen);
    seen.ports.add(port.number);
    addPod(target, pod, this.#around);
    if (port.number === undefined) return;
    for (const container of pod.containers) {
      const own = container.ports.find(({ number = 0 }) => number === port.number);
      if (!own) continue;
      addContainer(target, container);
      addContainerPort(target, protocol === undefined ? own : { ...own, protocol });
    }
  }

  /** One target for each port of a container that no endpoint of its pod had. */
  others(): LabelMap[] {
    return [...this.#seen.values()].flatMap(({ pod, ports }) => {
      if (pod.ip === '') return [];
      return pod.containers.flatMap((container) =>
        container.ports
          .filter(({ number = 0 }) => !ports.has(number))
          .map((port) => {
            const target: LabelMap = new Map([['__address__', hostPort(pod.ip, port.number ?? 0)]]);
            addContainer(target, container);
            addContainerPort(target, port);
            addPod(target, pod, this.#around);
            return target;
          }),
      );
    });
  }
}
