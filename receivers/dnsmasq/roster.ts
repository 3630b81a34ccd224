import type { Host } from '#component';
import { type HostRoot, isStillThere, type ProcessStat } from '#linux';
import { Group } from './group.ts';
import { type Instance, openInstance } from './instance.ts';
import { families, findDnsmasqs, type OnTrouble } from './processes.ts';

/** Milliseconds for which a group without a dnsmasq is remembered, so that one started later counts as started again. */
const REMEMBERED = 3_600_000;

/** Which dnsmasqs there are. Walks through all processes at each collection, and knows what to look at in between. */
export class Roster {
  readonly #root: HostRoot;
  readonly #own: HostRoot;
  readonly #host: Host;
  readonly #onTrouble: OnTrouble;
  #instances = new Map<string, Instance>();
  readonly #remembered = new Map<string, Group>();
  /** Those with a dnsmasq. */
  groups: readonly Group[] = [];

  /** `own` is the file system that this process itself is in. */
  constructor(root: HostRoot, own: HostRoot, host: Host, onTrouble: OnTrouble) {
    this.#root = root;
    this.#own = own;
    this.#host = host;
    this.#onTrouble = onTrouble;
  }

  async update(signal: AbortSignal): Promise<void> {
    const found = families(await findDnsmasqs(this.#root, signal, this.#onTrouble));
    const before = this.#instances;
    this.#instances = new Map();
    for (const { parent, children } of found) {
      const key = `${parent.pid} ${parent.startTicks}`;
      const instance = before.get(key) ?? this.#open(parent);
      if (!instance) continue;
      instance.processes = 1 + children;
      this.#instances.set(key, instance);
    }
    for (const [key, one] of before) if (!this.#instances.has(key)) one.close();
    this.#regroup(this.#host.clock.monotonic());
  }

  /** One look between collections. */
  look(now: number): void {
    for (const group of this.groups) group.look(now);
  }

  close(): void {
    for (const one of this.#instances.values()) one.close();
    this.#instances.clear();
    this.groups = [];
  }

  #open(parent: ProcessStat): Instance | undefined {
    try {
      const made = openInstance(this.#root, this.#own, this.#host, parent);
      // What was read may be another's, that got the PID meanwhile.
      if (isStillThere(this.#root, parent)) return made;
      made.close();
    } catch (error) {
      this.#onTrouble(parent.pid, error);
    }
    return undefined;
  }

  #regroup(now: number): void {
    const members = new Map<string, Instance[]>();
    for (const one of this.#instances.values()) {
      const { container_id, pod_uid, unit } = one.owner;
      const key = `${one.netns ?? ''} ${container_id ?? pod_uid ?? unit ?? ''}`;
      members.set(key, [...(members.get(key) ?? []), one]);
      if (!this.#remembered.has(key)) this.#remembered.set(key, new Group({ netns: one.netns ?? '', ...one.owner }));
    }
    for (const [key, group] of this.#remembered) {
      if (!members.has(key) && now - group.lastSeen > REMEMBERED) this.#remembered.delete(key);
    }
    this.groups = [...members].map(([key, instances]) => {
      const group = this.#remembered.get(key)!;
      group.update(instances, now);
      return group;
    });
  }
}
