import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '#config';
import { type CgroupLayout, layoutOf, parseCount, parseMountinfo, parseProcCgroup } from '#linux';
import { labelValue, METRIC_NAME } from '#metrics';
import cgroup from '../../receivers/cgroup/cgroup.ts';
import { cpuTime } from '../support/cpu.ts';
import { fakeHost, sink } from '../support/host.ts';
import { makeTree } from '../support/tree.ts';

const SUITES = new URL('../../../shared/suites/', import.meta.url).pathname;

interface Case {
  name: string;
  controller?: string;
  files?: Record<string, string> | string;
  repeat_last_line?: number;
  file_content?: string | null;
  expected_uint?: number;
}
const cases = (file: string) => JSON.parse(readFileSync(join(SUITES, 'proc-cgroup', file), 'utf8')) as Case[];

/** What the receiver makes of one cgroup with these files: values by name and labels, without the prefix. */
async function collect(folder: string, files: Record<string, string>) {
  const tree = makeTree({ [`${folder}/c/cgroup.procs`]: '', [`${folder}/cgroup.procs`]: '' });
  tree.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/c/${name}`, text])));
  const host = fakeHost();
  const out = sink();
  const config = parse(cgroup.config, {
    root_path: tree.path,
    initial_delay: '0s',
    cgroups: ['/c'],
    metrics: { cgroup_pressure_stalled_ratio: { enabled: true } },
  });
  const receiver = cgroup.create(config, host, out);
  await receiver.start?.(new AbortController().signal);
  const began = cpuTime();
  await host.clock.advance(0);
  const took = cpuTime() - began;
  await receiver.stop?.(new AbortController().signal);
  tree.remove();
  const values: Record<string, number> = {};
  for (const { set, values: got } of out.batches[0] ?? []) {
    set.series.forEach((one, i) => {
      const extra = ['event', 'kind', 'device', 'direction', 'window'].map((l) => labelValue(one.labels, l));
      const name = labelValue(one.labels, METRIC_NAME).slice('cgroup_'.length);
      values[[name, ...extra.filter(Boolean)].join(' ')] = got[i]!;
    });
  }
  return { values, errors: host.metric('otelcol_scraper_errored_metric_points') ?? 0, took };
}

/** What the suite expects of a case, in our names; `errors` counts malformed values. */
interface Want {
  values: Record<string, number>;
  errors?: number;
}

const V1: Record<string, Want> = {
  'memory ok': {
    values: {
      memory_usage_bytes: 2048,
      memory_max_usage_bytes: 4096,
      memory_limit_bytes: 8192,
      'memory_events_total max': 100,
      'memory_stat_bytes anon': 1024,
      'memory_stat_bytes file': 512,
    },
  },
  'memory no usage file': { values: { 'memory_stat_bytes anon': 1024, 'memory_stat_bytes file': 512 } },
  'memory no stat file': {
    values: { memory_usage_bytes: 2048, memory_max_usage_bytes: 4096, memory_limit_bytes: 8192 },
  },
  'memory bad stat': { values: { memory_usage_bytes: 2048 }, errors: 1 },
  'memory bad usage': { values: { 'memory_stat_bytes anon': 1024, 'memory_stat_bytes file': 512 }, errors: 1 },
  'memory no limit v1': { values: { memory_usage_bytes: 2048 } },
  'cpu throttled u64 max': {
    values: {
      cpu_cfs_periods_total: 2000,
      cpu_cfs_throttled_periods_total: 200,
      cpu_cfs_throttled_seconds_total: 18446744073.709553,
    },
  },
  'cpu stat missing': { values: {} },
  'cpu stat invalid': { values: { cpu_cfs_periods_total: 2000, cpu_cfs_throttled_periods_total: 200 }, errors: 1 },
  cpuacct: {
    values: {
      cpu_usage_seconds_total: 12262454.19022216,
      cpu_user_seconds_total: 4522782.64,
      cpu_system_seconds_total: 2914296.64,
    },
  },
  pids: { values: { pids: 1337, pids_limit: 1024 } },
  'pids unlimited': { values: { pids: 4096 } },
};

describe('proc-cgroup: cgroup v1', () => {
  for (const one of cases('cgroup-v1-cases.json')) {
    if (one.file_content !== undefined) {
      it(one.name, () => expect(parseCount(one.file_content ?? '')).to.equal(one.expected_uint));
      continue;
    }
    it(one.name, async () => {
      const want = V1[one.name];
      expect(want, 'a new case: hold it').not.to.equal(undefined);
      const got = await collect(`sys/fs/cgroup/${one.controller ?? 'memory'}`, one.files as Record<string, string>);
      expect(got.values).to.deep.equal(want!.values);
      expect(got.errors).to.equal(want!.errors ?? 0);
    });
  }
});

const V2: Record<string, Want> = {
  'memory ok': {
    values: { memory_usage_bytes: 123456789, memory_limit_bytes: 999999999, memory_max_usage_bytes: 987654321 },
  },
  'memory.current absent': { values: {} },
  'memory.max = max': { values: { memory_usage_bytes: 1 } },
  'cpu.stat': {
    values: {
      cpu_usage_seconds_total: 1.5,
      cpu_user_seconds_total: 1,
      cpu_system_seconds_total: 0.5,
      cpu_cfs_periods_total: 0,
      cpu_cfs_throttled_periods_total: 0,
      cpu_cfs_throttled_seconds_total: 0,
      cpu_cfs_bursts_total: 0,
      cpu_cfs_burst_seconds_total: 0,
    },
  },
  'cpu.stat huge': { values: { cpu_usage_seconds_total: 18446744073709.55 } },
  psi: {
    values: {
      'pressure_stalled_seconds_total some': 230.548833,
      'pressure_stalled_seconds_total full': 157.622356,
      'pressure_stalled_ratio some 10s': 0.0171,
      'pressure_stalled_ratio some 60s': 0.0236,
      'pressure_stalled_ratio some 300s': 0.0257,
      'pressure_stalled_ratio full 10s': 0.01,
      'pressure_stalled_ratio full 60s': 0.0101,
      'pressure_stalled_ratio full 300s': 0.01,
    },
  },
  'io.stat odd device': {
    values: {
      'io_bytes_total 8:16 read': 1459200,
      'io_bytes_total 8:16 write': 314773504,
      'io_bytes_total 8:16 discard': 0,
      'io_operations_total 8:16 read': 192,
      'io_operations_total 8:16 write': 353,
      'io_operations_total 8:16 discard': 0,
      'io_bytes_total 254:1 read': 6901432320,
      'io_bytes_total 254:1 write': 14245535744,
      'io_operations_total 254:1 read': 263278,
      'io_operations_total 254:1 write': 248603,
    },
  },
  'unknown extra lines': { values: { cpu_usage_seconds_total: 0.00001 } },
  'empty file': { values: {} },
  'huge file': { values: { 'memory_stat_bytes anon': 1 } },
};

/** The last line of each file many times over, where the case asks for it. */
function filesOf({ files, repeat_last_line: times = 0 }: Case): Record<string, string> {
  const grow = (text: string) => text + `${text.trimEnd().split('\n').at(-1)}\n`.repeat(times);
  return Object.fromEntries(Object.entries(files as Record<string, string>).map(([name, text]) => [name, grow(text)]));
}

describe('proc-cgroup: cgroup v2', () => {
  for (const one of cases('cgroup-v2-cases.json')) {
    if (typeof one.files === 'string') {
      // No file of a test's own answers ENODEV; one that is not there goes the same way through the reader.
      it(`${one.name}, as a file that is not there`, async () => {
        expect(await collect('sys/fs/cgroup', {})).to.deep.include({ values: {}, errors: 0 });
      });
      continue;
    }
    it(one.name, async () => {
      const want = V2[one.name];
      expect(want, 'a new case: hold it').not.to.equal(undefined);
      const { values, errors, took } = await collect('sys/fs/cgroup', filesOf(one));
      if (one.name.startsWith('memory')) {
        // The suite expects nothing of memory.stat here.
        for (const key in values) if (/^memory_(stat|.*faults)/.test(key)) delete values[key];
      }
      expect(Object.keys(values)).to.have.members(Object.keys(want!.values));
      for (const key in values) {
        const right = want!.values[key]!;
        expect(values[key], key).to.be.closeTo(right, Math.abs(right) * 2 ** -52);
      }
      expect(errors).to.equal(want!.errors ?? 0);
      expect(took, 'milliseconds').to.be.below(200);
    });
  }
});

describe("proc-cgroup: the Collector's fixtures", () => {
  const text = (file: string) =>
    readFileSync(join(SUITES, 'otelcol/testdata/internal/memorylimiter/cgroups/testdata/proc', file), 'utf8');
  const finds = (file: string, layout: CgroupLayout | undefined, memory: string | undefined) =>
    it(`${file} is ${layout ?? 'none'}`, () => {
      const found = parseMountinfo(text(file));
      expect(layoutOf(found)).to.equal(layout);
      expect(found.find((one) => one.version === 2 || one.controllers.includes('memory'))?.mount).to.equal(memory);
    });

  finds('invalid-mountinfo/mountinfo', undefined, undefined);
  finds('cgroups/mountinfo', 'v1', '/sys/fs/cgroup/memory');
  finds('untranslatable/mountinfo', 'v1', undefined);
  finds('v2/cgroupv1/mountinfo', 'v1', '/sys/fs/cgroup/memory');
  finds('v2/cgroupv2/mountinfo', 'v2', '/sys/fs/cgroup');
  finds('v2/cgroupv1v2/mountinfo', 'hybrid', '/sys/fs/cgroup/unified');

  it('a line without a path is passed over', () => {
    expect([...parseProcCgroup(text('invalid-cgroup/cgroup'))]).to.deep.equal([['cpu', '/cpu']]);
    expect(parseProcCgroup(text('cgroups/cgroup')).get('memory')).to.equal('/docker/large');
  });
});
