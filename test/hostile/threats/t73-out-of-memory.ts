import { until } from '../kit/agent.ts';
import { memoryGroup } from '../kit/cgroup.ts';
import { job, startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, note, says, sleep, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

const MIB = 2 ** 20;
const LIMIT = 256;
const TARGETS = 100;
const SERIES = 10_000;

export default {
  id: 'T73',
  title: 'a million series a second in 256 MiB',
  alone: true,
  async run(lab) {
    const group = memoryGroup(lab, LIMIT * MIB);
    const lasts = lab.long ? 60_000 : 15_000;
    const rig = await startRig(lab, {
      agent: group ? { wrapper: group.wrapper } : { flags: [`--max-old-space-size=${LIMIT / 2}`] },
      processors: {
        memory_limiter: {
          check_interval: '1s',
          ...(group ? { limit_percentage: 75, spike_limit_percentage: 20 } : { limit_mib: 110 }),
        },
      },
      sink: { keep: (name) => /^(up|good_total)$/.test(name) },
    });
    let attacking = true;
    const pages = Array.from({ length: 8 }, (_, i) => page(i));
    const many = await Promise.all(
      Array.from({ length: TARGETS }, (_, target) =>
        serve(
          lab,
          (__, socket) => void socket.write(attacking ? pages[target % pages.length]! : answer(200, 'calm 1\n')),
        ),
      ),
    );
    await rig.attack([
      job(
        'crowd',
        many.map(({ port }) => port),
      ),
    ]);
    await sleep(lasts);
    const { ended } = rig.agent;
    const refused = ended ? 0 : await rig.own('otelcol_processor_memory_limiter_refused_metric_points');
    attacking = false;
    const calm = performance.now();
    const normal = () => {
      const [last] = rig.sink.points('up', { job: 'good' }).slice(-1);
      const crowd = rig.sink
        .find('up', { job: 'crowd' })
        .filter(({ points }) => points.at(-1)!.time > Date.now() - 2500);
      return rig.agent.ended || (crowd.length === TARGETS && last !== undefined && Date.now() - last.time < 1500);
    };
    await until(normal, 'it is back to normal', 60_000);
    return [
      group
        ? equal('killed by the kernel', group.kills(), 0)
        : note('limit', 'no cgroup can be made: --max-old-space-size'),
      equal('still runs', !rig.agent.ended, true),
      atLeast('samples refused and counted', refused, 1000),
      atMost('back to normal after', (performance.now() - calm) / 1000, 30, 's'),
      ...(rig.agent.ended ? [says('its last words', rig.agent.output().slice(-400), /^$/)] : []),
    ];
  },
} satisfies Threat;

function page(n: number): Buffer {
  const line = (i: number) => `crowd_total{page="${n}",some_label="some-value-that-takes-room-${i}"} ${i}\n`;
  return answer(200, Array.from({ length: SERIES }, (_, i) => line(i)).join(''));
}
