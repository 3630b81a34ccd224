/** What is said of one group of dnsmasqs. */
import type { Gathering } from '#kit';
import { bootTime, type HostRoot, readProcess, residentMemory, USER_HZ } from '#linux';
import type { Group } from './group.ts';
import { M } from './metrics.ts';
import { type PortReading, STATES } from './sockets.ts';
import type { Statistics } from './statistics.ts';

export function reportProcesses(gathering: Gathering, group: Group, isSampled: boolean): void {
  const { labels, processes } = group;
  gathering.add(M.processes, labels, processes);
  gathering.add(M.limit, labels, group.limit);
  const { peak, atLimitSeconds } = group.collectLooks();
  if (isSampled) {
    gathering.add(M.peak, labels, Math.max(peak, processes));
    gathering.add(M.atLimit, labels, atLimitSeconds);
  }
  gathering.add(M.restarts, labels, group.restarts);
}

export function reportUsage(gathering: Gathering, root: HostRoot, group: Group): void {
  const { labels } = group;
  const cpu = new Map<string, number>();
  let memory = 0;
  for (const { pid, startTicks, key } of group.instances) {
    const resident = residentMemory(root, pid);
    const stat = readProcess(root, pid);
    // Gone, or another process by now.
    if (stat?.startTicks !== startTicks) continue;
    cpu.set(key, stat.cpu + stat.childrenCpu);
    memory += resident ?? 0;
  }
  gathering.add(M.cpu, labels, group.cpu(cpu));
  if (memory > 0) gathering.add(M.memory, labels, memory);
  const boot = bootTime(root);
  const started = Math.max(...group.current.map((one) => one.startTicks));
  if (boot !== undefined) gathering.add(M.startTime, labels, boot + started / USER_HZ);
}

/** How many connections dnsmasq lets wait, since 2.77: TCP_BACKLOG in its config.h. The kernel tells it nowhere in /proc. */
const BACKLOG = 32;

export function reportPorts(gathering: Gathering, { labels }: Group, readings: readonly PortReading[]): void {
  if (!readings.length) return;
  for (const state of STATES) {
    const count = readings.reduce((sum, { connections }) => sum + (connections.get(state) ?? 0), 0);
    gathering.add(M.connections, { ...labels, state }, count);
  }
  for (const { listeners, datagrams } of readings) {
    for (const [address, length] of listeners) {
      gathering.add(M.acceptQueue, { ...labels, address }, length);
      gathering.add(M.acceptLimit, { ...labels, address }, BACKLOG);
    }
    for (const [address, { queue, drops }] of datagrams) {
      gathering.add(M.udpQueue, { ...labels, address }, queue);
      gathering.add(M.udpDrops, { ...labels, address }, drops);
    }
  }
}

/** Without statistics, when a dnsmasq did not answer, only that is said. */
export function reportStatistics(gathering: Gathering, group: Group, statistics: Statistics | undefined): void {
  const { labels } = group;
  gathering.add(M.statisticsErrors, labels, group.statisticsErrors);
  if (!statistics) return;
  gathering.add(M.hits, labels, statistics.hits);
  gathering.add(M.misses, labels, statistics.misses);
  gathering.add(M.insertions, labels, statistics.insertions);
  gathering.add(M.evictions, labels, statistics.evictions);
  gathering.add(M.cacheSize, labels, statistics.cacheSize);
  for (const [server, { queries, failed }] of statistics.servers) {
    gathering.add(M.serverQueries, { ...labels, server }, queries);
    gathering.add(M.serverFailures, { ...labels, server }, failed);
  }
}
