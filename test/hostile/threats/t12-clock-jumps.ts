import { existsSync, globSync, writeFileSync } from 'node:fs';
import { makeTree } from '../../support/tree.ts';
import { job, startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, most, sleep, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

const INTERVAL = 500;
/** Milliseconds between two jumps. */
const STAY = 3000;

/** In libfaketime's words: relative to the real time, or from a moment on. */
const JUMPS = ['+1h', '-1h', '@1970-01-01 00:01:00', '@2038-01-19 03:14:05', '@2106-02-07 06:28:12', '+0'];

export default {
  id: 'T12',
  title: 'clock jumps, by libfaketime',
  patient: true,
  async run(lab) {
    const library = globSync('/usr/lib/*/faketime/libfaketime.so.1')[0];
    if (!library || !existsSync(library)) throw new Error('libfaketime is missing: scripts/peers.sh installs faketime');
    const tree = makeTree({ time: '+0\n' });
    lab.defer(() => tree.remove());
    const env = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: `${tree.path}/time`,
      FAKETIME_CACHE_DURATION: '1',
      // The kernel's monotonic clock does not jump when the wall clock is set.
      DONT_FAKE_MONOTONIC: '1',
    };
    const rig = await startRig(lab, { agent: { env } });
    const arrivals: number[] = [];
    const { port } = await serve(lab, (_, socket) => {
      arrivals.push(performance.now());
      socket.write(answer(200, 'jump 1\n'));
    });
    await rig.attack([job('jump', [port], { scrape_interval: `${INTERVAL}ms`, scrape_timeout: `${INTERVAL}ms` })]);
    await sleep(STAY);
    const seen: number[] = [];
    for (const jump of JUMPS) {
      writeFileSync(`${tree.path}/time`, `${jump}\n`);
      await sleep(STAY);
      seen.push(rig.sink.points('jump').at(-1)?.time ?? 0);
    }
    const gaps = arrivals.slice(1).map((at, i) => at - arrivals[i]!);
    const durations = rig.sink.points('scrape_duration_seconds').map(({ value }) => value);
    const years = seen.map((time) => new Date(time).getUTCFullYear());
    return [
      // Else nothing was tried: the samples themselves must tell of the jumps.
      equal('years of the samples', [...new Set(years)].join(' '), `${new Date().getUTCFullYear()} 1970 2038 2106`),
      atMost('scrapes in an interval', busiest(arrivals, INTERVAL), 2),
      atMost('longest gap', most(gaps) / INTERVAL, 2, 'intervals'),
      atLeast('scrapes', arrivals.length, ((JUMPS.length + 1) * STAY) / INTERVAL - 3),
      equal('negative durations', durations.filter((value) => !(value >= 0)).length, 0),
      atMost('longest duration', most(durations), 1, 's'),
      equal('waiting to be sent at the end', await rig.own('otelcol_exporter_queue_size'), 0),
      equal('given up', await rig.own('otelcol_exporter_send_failed_metric_points'), 0),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;

/** The most arrivals in any window of this length; a little less than it, for what the network takes. */
function busiest(times: readonly number[], length: number): number {
  return most(times.map((from) => times.filter((at) => at >= from && at < from + length * 0.95).length));
}
