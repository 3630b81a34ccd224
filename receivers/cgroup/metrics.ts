import type { MetricDeclaration } from '#component';
import { type Family, type MetricType, makeFamily } from '#metrics';

export interface CgroupMetric extends MetricDeclaration {
  readonly family: Family;
  /** What tells its series of one cgroup apart, besides the labels that every one has. */
  readonly labels: readonly string[];
  /** Unless the configuration says otherwise. */
  readonly enabled: boolean;
}

/** On every series; all but the first only where the path tells them. */
export const COMMON_LABELS = ['cgroup', 'unit', 'pod_uid', 'container_id'] as const;

function metric(name: string, type: MetricType, help: string, labels: string[] = [], enabled = true): CgroupMetric {
  return { name, type, help, labels, enabled, family: makeFamily(name, type, help) };
}

export const METRICS = {
  cpuUsage: metric('cgroup_cpu_usage_seconds_total', 'counter', 'CPU time used by the tasks of the cgroup.'),
  cpuUser: metric('cgroup_cpu_user_seconds_total', 'counter', 'CPU time spent in user mode.'),
  cpuSystem: metric('cgroup_cpu_system_seconds_total', 'counter', 'CPU time spent in the kernel.'),
  cpuPeriods: metric('cgroup_cpu_cfs_periods_total', 'counter', 'Periods of the CPU limit that have passed.'),
  cpuThrottledPeriods: metric(
    'cgroup_cpu_cfs_throttled_periods_total',
    'counter',
    'Periods in which the cgroup was stopped because it had used up its CPU limit.',
  ),
  cpuThrottled: metric(
    'cgroup_cpu_cfs_throttled_seconds_total',
    'counter',
    'Time for which the CPU limit kept the cgroup stopped, added up over CPUs.',
  ),
  cpuBursts: metric('cgroup_cpu_cfs_bursts_total', 'counter', 'Periods in which the cgroup used saved-up CPU time.'),
  cpuBurst: metric('cgroup_cpu_cfs_burst_seconds_total', 'counter', 'Saved-up CPU time that was used.'),
  cpuLimit: metric('cgroup_cpu_limit_cores', 'gauge', 'CPU limit (quota by period); absent when there is none.'),

  memoryUsage: metric('cgroup_memory_usage_bytes', 'gauge', 'Memory in use, page cache included.'),
  memoryPeak: metric('cgroup_memory_max_usage_bytes', 'gauge', 'The most memory that was ever in use.'),
  memoryLimit: metric('cgroup_memory_limit_bytes', 'gauge', 'Memory limit; absent when there is none.'),
  memoryHigh: metric(
    'cgroup_memory_high_bytes',
    'gauge',
    'Memory use from which the kernel slows the cgroup down; absent when there is none.',
  ),
  memorySwap: metric('cgroup_memory_swap_bytes', 'gauge', 'Swap in use.'),
  memorySwapLimit: metric('cgroup_memory_swap_limit_bytes', 'gauge', 'Swap limit; absent when there is none.'),
  memoryEvents: metric(
    'cgroup_memory_events_total',
    'counter',
    'Memory events: low, high, max (the limit was met), oom (reclaim failed), oom_kill and oom_group_kill (killed).',
    ['event'],
  ),
  memoryStat: metric('cgroup_memory_stat_bytes', 'gauge', 'Memory in use by kind, children included.', ['kind']),
  memoryFaults: metric('cgroup_memory_page_faults_total', 'counter', 'Page faults, major ones included.'),
  memoryMajorFaults: metric('cgroup_memory_major_page_faults_total', 'counter', 'Page faults that had to read a disk.'),

  pids: metric('cgroup_pids', 'gauge', 'Processes and threads in the cgroup and below it.'),
  pidsLimit: metric('cgroup_pids_limit', 'gauge', 'Limit on processes and threads; absent when there is none.'),
  pidsEvents: metric('cgroup_pids_events_total', 'counter', 'Forks refused because of the limit (event `max`).', [
    'event',
  ]),

  pressure: metric(
    'cgroup_pressure_stalled_seconds_total',
    'counter',
    'Time in which some tasks, or all that could run (full), waited for the resource.',
    ['resource', 'kind'],
  ),
  pressureRatio: metric(
    'cgroup_pressure_stalled_ratio',
    'gauge',
    'Share of the last 10, 60 or 300 seconds in which some or all tasks waited for the resource.',
    ['resource', 'kind', 'window'],
    false,
  ),

  ioBytes: metric('cgroup_io_bytes_total', 'counter', 'Bytes read from, written to and discarded on a block device.', [
    'device',
    'direction',
  ]),
  ioOperations: metric('cgroup_io_operations_total', 'counter', 'Reads, writes and discards on a block device.', [
    'device',
    'direction',
  ]),
} as const;

export const ALL_METRICS: readonly CgroupMetric[] = Object.values(METRICS);
