import { makeTree } from '../../support/tree.ts';
import { startAgent, until } from '../kit/agent.ts';
import { startSink } from '../kit/sink.ts';
import { atMost, equal, type Threat } from '../kit/threat.ts';

/** Nanoseconds in cpuacct.usage, past 2^53. */
const NANOSECONDS = [12262454190222160n, 18446744073709551615n, 9007199254740993n, 9223372036854775808n];

export default {
  id: 'T08',
  title: 'integers above 2^53',
  async run(lab) {
    const files = NANOSECONDS.flatMap((value, i) => [
      [`sys/fs/cgroup/cpuacct/c${i}/cpuacct.usage`, `${value}\n`],
      [`sys/fs/cgroup/memory/c${i}/memory.usage_in_bytes`, `${value}\n`],
    ]);
    const tree = makeTree(Object.fromEntries(files));
    lab.defer(() => tree.remove());
    const sink = await startSink(lab);
    await startAgent(lab, {
      receivers: {
        cgroup: { root_path: tree.path, cgroups: ['/*'], initial_delay: '0s', collection_interval: '500ms' },
      },
      exporters: { prometheusremotewrite: { endpoint: sink.url } },
      service: {
        telemetry: { metrics: { level: 'none' } },
        pipelines: { metrics: { receivers: ['cgroup'], exporters: ['prometheusremotewrite'] } },
      },
    });
    const cpu = 'cgroup_cpu_usage_seconds_total';
    await until(() => sink.find(cpu).length === NANOSECONDS.length, 'all cgroups were read');
    const errors = NANOSECONDS.map((value, i) => {
      const [point] = sink.points(cpu, { cgroup: `/c${i}` });
      return ulps(point?.value ?? Number.NaN, value, 1_000_000_000n);
    });
    const bytes = NANOSECONDS.map((value, i) => {
      const [point] = sink.points('cgroup_memory_usage_bytes', { cgroup: `/c${i}` });
      // Version 1 says "no limit" by a large number, but never so of usage.
      return ulps(point?.value ?? Number.NaN, value, 1n);
    });
    const values = [...sink.points(cpu), ...sink.points('cgroup_memory_usage_bytes')].map(({ value }) => value);
    return [
      atMost('error in seconds', Math.max(...errors), 1, 'ulp'),
      atMost('error in bytes', Math.max(...bytes), 1, 'ulp'),
      equal('negative, zero or not a number', values.filter((value) => !(value > 0)).length, 0),
    ];
  },
} satisfies Threat;

/** How many units in the last place a double is from the exact quotient; infinity for what is no number. */
function ulps(value: number, dividend: bigint, divisor: bigint): number {
  if (!(value > 0)) return Number.POSITIVE_INFINITY;
  const unit = 2 ** (Math.floor(Math.log2(value)) - 52);
  // Both in units of 2^-60, exactly.
  const scale = 2n ** 60n;
  const exact = (dividend * scale) / divisor;
  const whole = BigInt(Math.floor(value));
  const got = whole * scale + BigInt(Math.round((value - Math.floor(value)) * 2 ** 60));
  const off = got > exact ? got - exact : exact - got;
  return Number(off) / (unit * 2 ** 60);
}
