import { until } from '../kit/agent.ts';
import { startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, most, sleep, type Threat } from '../kit/threat.ts';
import { answer } from '../kit/wire.ts';

/** Milliseconds. */
const TEN_MINUTES = 600_000;
const SHORT = 40_000;
/** In which the pauses grow. */
const FIRST = 10_000;
/** How long a receiver that is up again is in trouble still, in each way. */
const CONVALESCENCE = 20_000;
const SLOW = 5_000;
const REFUSALS = [429, 500, 503];

export default {
  id: 'T60',
  title: 'outage: 503, resets; refusals in turn; slow',
  patient: true,
  async run(lab) {
    const outage = lab.long ? TEN_MINUTES : SHORT;
    let phase: 'well' | '503' | 'reset' | 'refusing' | 'slow' = 'well';
    let refused = 0;
    let slow = 0;
    const attempts: number[] = [];
    const rig = await startRig(lab, {
      warm: 1000,
      sink: {
        meet({ body }, reply, destroy) {
          if (phase === 'well') return false;
          if (phase === 'slow') {
            slow++;
            rig.sink.take(body);
            setTimeout(() => reply(answer(204)), SLOW);
            return true;
          }
          if (phase === 'refusing') {
            reply(answer(REFUSALS[refused++ % REFUSALS.length]!, 'not now'));
            return true;
          }
          attempts.push(performance.now());
          if (phase === 'reset') destroy();
          else reply(answer(503, 'no'));
          return true;
        },
      },
    });
    phase = '503';
    const began = performance.now();
    await sleep(outage / 2);
    phase = 'reset';
    await sleep(outage / 2);
    const lasted = performance.now() - began;
    phase = 'refusing';
    await until(() => refused >= REFUSALS.length, 'each refusal has been given', CONVALESCENCE + 60_000);
    phase = 'slow';
    await until(() => slow > 0, 'a slow answer is under way', CONVALESCENCE + 60_000);
    await sleep(CONVALESCENCE);
    phase = 'well';
    await until(async () => (await rig.own('otelcol_exporter_queue_size')) === 0, 'the backlog is sent', 60_000);
    const later = attempts.filter((at) => at > began + FIRST);
    const good = rig.sink.find('good_total', { i: '0' });
    const orders = good.map(({ points }) => points.every(({ time }, i) => i === 0 || time > points[i - 1]!.time));
    const holes = good.flatMap(({ points }) => points.slice(1).map(({ value }, i) => value - points[i]!.value - 1));
    return [
      equal("samples lost, by the scrapes' own numbers", most(holes), 0),
      equal('of each target in order and none twice', orders.every(Boolean) && orders.length, 5),
      atLeast('requests that were answered after five seconds', slow, 4),
      equal('given up', await rig.own('otelcol_exporter_send_failed_metric_points'), 0),
      // Five lanes begin with pauses of 50 ms; over the ten minutes that the number is for, that does not show.
      ...(lab.long ? [atMost('requests a second while down', attempts.length / (lasted / 1000), 1)] : []),
      atMost('requests a second, but for the first ten', later.length / ((lasted - FIRST) / 1000), 1),
      atMost('most requests in a second, but for the first ten', busiest(later), 5),
      atMost('longest pause', most(attempts.slice(1).map((at, i) => at - attempts[i]!)) / 1000, 45, 's'),
      atMost('RSS growth', rig.growth(), 64, 'MiB'),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;

const busiest = (times: readonly number[]): number =>
  most(times.map((from) => times.filter((at) => at >= from && at < from + 1000).length));
