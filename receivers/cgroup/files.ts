/** Which files of a cgroup are read, and what each of them says. Pure: text in, points out. */
import { parseBlkio, parseCount, parseFlatKeyed, parseNestedKeyed, parsePressure, parseScaled } from '#linux';
import { type CgroupMetric, METRICS as M } from './metrics.ts';

/** Takes what a file says, in the order of the file. */
export interface Points {
  /** `labels` are the values of the metric's own labels. */
  put(metric: CgroupMetric, value: number, ...labels: string[]): void;
  /** A value that should be a number is none. */
  malformed(what: string): void;
}

export interface Source {
  readonly file: string;
  /** `sibling` reads another file of the same cgroup. */
  read(text: string, points: Points, sibling: (file: string) => string | undefined): void;
}

/** A value as text; `max` and what is not there make no sample, so no `0` ever stands for "unknown". */
function put(points: Points, metric: CgroupMetric, text: string | undefined, ...labels: string[]): void {
  putScaled(points, metric, text, 0, ...labels);
}

function putScaled(
  points: Points,
  metric: CgroupMetric,
  text: string | undefined,
  decimals: number,
  ...labels: string[]
): void {
  if (text === undefined || text === 'max') return;
  const value = parseScaled(text, decimals);
  if (value === undefined) points.malformed(text);
  else points.put(metric, value, ...labels);
}

const single = (file: string, metric: CgroupMetric): Source => ({
  file,
  read: (text, points) => put(points, metric, text.trim()),
});

const events = (file: string, metric: CgroupMetric, names: readonly string[]): Source => ({
  file,
  read(text, points) {
    const entries = parseFlatKeyed(text);
    for (const name of names) put(points, metric, entries.get(name), name);
  },
});

// ---- cpu

function putCpuPeriods(entries: Map<string, string>, points: Points): void {
  put(points, M.cpuPeriods, entries.get('nr_periods'));
  put(points, M.cpuThrottledPeriods, entries.get('nr_throttled'));
  put(points, M.cpuBursts, entries.get('nr_bursts'));
}

const cpuStat: Source = {
  file: 'cpu.stat',
  read(text, points) {
    const entries = parseFlatKeyed(text);
    putScaled(points, M.cpuUsage, entries.get('usage_usec'), 6);
    putScaled(points, M.cpuUser, entries.get('user_usec'), 6);
    putScaled(points, M.cpuSystem, entries.get('system_usec'), 6);
    putCpuPeriods(entries, points);
    putScaled(points, M.cpuThrottled, entries.get('throttled_usec'), 6);
    putScaled(points, M.cpuBurst, entries.get('burst_usec'), 6);
  },
};

const cpuStatV1: Source = {
  file: 'cpu.stat',
  read(text, points) {
    const entries = parseFlatKeyed(text);
    putCpuPeriods(entries, points);
    putScaled(points, M.cpuThrottled, entries.get('throttled_time'), 9);
    putScaled(points, M.cpuBurst, entries.get('burst_time'), 9);
  },
};

const cpuMax: Source = {
  file: 'cpu.max',
  read(text, points) {
    const [quota = '', period = ''] = text.trim().split(' ');
    if (quota !== 'max') putCores(points, quota, period);
  },
};

const cpuQuotaV1: Source = {
  file: 'cpu.cfs_quota_us',
  read(text, points, sibling) {
    const period = sibling('cpu.cfs_period_us');
    if (period !== undefined && text.trim() !== '-1') putCores(points, text, period);
  },
};

function putCores(points: Points, quota: string, period: string): void {
  const allowed = parseCount(quota);
  const every = parseCount(period);
  if (allowed === undefined || !every) points.malformed(`${quota.trim()} ${period.trim()}`);
  else points.put(M.cpuLimit, allowed / every);
}

const cpuacctUsage: Source = {
  file: 'cpuacct.usage',
  read: (text, points) => putScaled(points, M.cpuUsage, text.trim(), 9),
};

const cpuacctStat: Source = {
  file: 'cpuacct.stat',
  read(text, points) {
    // In ticks of USER_HZ, which is 100 on every architecture that Node runs on.
    const entries = parseFlatKeyed(text);
    putScaled(points, M.cpuUser, entries.get('user'), 2);
    putScaled(points, M.cpuSystem, entries.get('system'), 2);
  },
};

// ---- memory

/** The kinds in memory.stat that are told apart, with the names that version 1 has for them. */
const STAT_KINDS: Readonly<Record<string, string | undefined>> = {
  anon: 'rss',
  file: 'cache',
  kernel: undefined,
  kernel_stack: undefined,
  pagetables: undefined,
  sock: undefined,
  shmem: 'shmem',
  file_mapped: 'mapped_file',
  file_dirty: 'dirty',
  file_writeback: 'writeback',
  inactive_anon: 'inactive_anon',
  active_anon: 'active_anon',
  inactive_file: 'inactive_file',
  active_file: 'active_file',
  unevictable: 'unevictable',
  slab_reclaimable: undefined,
  slab_unreclaimable: undefined,
};

const memoryStat: Source = {
  file: 'memory.stat',
  read(text, points) {
    const entries = parseFlatKeyed(text);
    for (const kind in STAT_KINDS) put(points, M.memoryStat, entries.get(kind), kind);
    put(points, M.memoryFaults, entries.get('pgfault'));
    put(points, M.memoryMajorFaults, entries.get('pgmajfault'));
  },
};

const memoryStatV1: Source = {
  file: 'memory.stat',
  read(text, points) {
    const entries = parseFlatKeyed(text);
    // Version 2 counts children in; version 1 has that apart.
    const get = (key: string) => entries.get(`total_${key}`) ?? entries.get(key);
    for (const [kind, key] of Object.entries(STAT_KINDS)) if (key) put(points, M.memoryStat, get(key), kind);
    put(points, M.memorySwap, get('swap'));
    put(points, M.memoryFaults, get('pgfault'));
    put(points, M.memoryMajorFaults, get('pgmajfault'));
  },
};

/** Version 1 has no word for "no limit": it prints the largest number of whole pages, of 4 to 64 KiB, below 2^63. */
const NO_LIMIT = 2 ** 63 - 2 ** 17;

const memoryLimitV1: Source = {
  file: 'memory.limit_in_bytes',
  read(text, points) {
    const limit = parseCount(text);
    if (limit === undefined) points.malformed(text);
    else if (limit < NO_LIMIT) points.put(M.memoryLimit, limit);
  },
};

const oomControl = events('memory.oom_control', M.memoryEvents, ['oom_kill']);
const memoryFailcnt: Source = {
  file: 'memory.failcnt',
  read: (text, points) => put(points, M.memoryEvents, text.trim(), 'max'),
};

// ---- pressure, io

const pressure = (resource: string): Source => ({
  file: `${resource}.pressure`,
  read(text, points) {
    for (const { kind, total, avg10, avg60, avg300 } of parsePressure(text)) {
      points.put(M.pressure, total, resource, kind);
      points.put(M.pressureRatio, avg10, resource, kind, '10s');
      points.put(M.pressureRatio, avg60, resource, kind, '60s');
      points.put(M.pressureRatio, avg300, resource, kind, '300s');
    }
  },
});

const IO_FIELDS: readonly [field: string, metric: CgroupMetric, direction: string][] = [
  ['rbytes', M.ioBytes, 'read'],
  ['wbytes', M.ioBytes, 'write'],
  ['dbytes', M.ioBytes, 'discard'],
  ['rios', M.ioOperations, 'read'],
  ['wios', M.ioOperations, 'write'],
  ['dios', M.ioOperations, 'discard'],
];

const ioStat: Source = {
  file: 'io.stat',
  read(text, points) {
    for (const [device, fields] of parseNestedKeyed(text)) {
      for (const [field, metric, direction] of IO_FIELDS) put(points, metric, fields.get(field), device, direction);
    }
  },
};

const DIRECTIONS: Readonly<Record<string, string>> = { Read: 'read', Write: 'write', Discard: 'discard' };

const blkio = (file: string, metric: CgroupMetric): Source => ({
  file,
  read(text, points) {
    for (const { device, operation, count } of parseBlkio(text)) {
      const direction = DIRECTIONS[operation];
      if (direction) put(points, metric, count, device, direction);
    }
  },
});

const MEMORY_EVENTS = ['low', 'high', 'max', 'oom', 'oom_kill', 'oom_group_kill'];

/** cgroup v2, Documentation/admin-guide/cgroup-v2.rst. */
export const V2_SOURCES: readonly Source[] = [
  cpuStat,
  cpuMax,
  single('memory.current', M.memoryUsage),
  single('memory.peak', M.memoryPeak),
  single('memory.max', M.memoryLimit),
  single('memory.high', M.memoryHigh),
  single('memory.swap.current', M.memorySwap),
  single('memory.swap.max', M.memorySwapLimit),
  events('memory.events', M.memoryEvents, MEMORY_EVENTS),
  memoryStat,
  single('pids.current', M.pids),
  single('pids.max', M.pidsLimit),
  events('pids.events', M.pidsEvents, ['max']),
  pressure('cpu'),
  pressure('memory'),
  pressure('io'),
  pressure('irq'),
  ioStat,
];

/** cgroup v1 by controller, Documentation/admin-guide/cgroup-v1/. */
export const V1_SOURCES: Readonly<Record<string, readonly Source[]>> = {
  cpu: [cpuStatV1, cpuQuotaV1],
  cpuacct: [cpuacctUsage, cpuacctStat],
  memory: [
    single('memory.usage_in_bytes', M.memoryUsage),
    single('memory.max_usage_in_bytes', M.memoryPeak),
    memoryLimitV1,
    memoryFailcnt,
    oomControl,
    memoryStatV1,
  ],
  pids: [single('pids.current', M.pids), single('pids.max', M.pidsLimit), events('pids.events', M.pidsEvents, ['max'])],
  blkio: [
    blkio('blkio.throttle.io_service_bytes_recursive', M.ioBytes),
    blkio('blkio.throttle.io_serviced_recursive', M.ioOperations),
  ],
};
