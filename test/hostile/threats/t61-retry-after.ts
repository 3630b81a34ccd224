import { until } from '../kit/agent.ts';
import { startRig } from '../kit/rig.ts';
import { atMost, between, equal, type Lab, type Measure, note, type Threat } from '../kit/threat.ts';
import { answer } from '../kit/wire.ts';

/** Milliseconds. */
const LONGEST = 5 * 60_000;

export default {
  id: 'T61',
  title: '429 storm, Retry-After',
  async run(lab) {
    return [
      ...(await waits(lab, 'seconds', () => '2')),
      ...(await waits(lab, 'a date', () => new Date(Date.now() + 3000).toUTCString())),
      ...(await parked(lab)),
    ];
  },
} satisfies Threat;

/** One lane, so that a pause shows. */
const exporter = { remote_write_queue: { num_consumers: 1 } };

async function waits(lab: Lab, what: string, retryAfter: () => string): Promise<Measure[]> {
  const times: number[] = [];
  const rig = await startRig(lab, {
    warm: 0,
    exporter,
    sink: {
      meet(_, reply) {
        times.push(performance.now());
        if (times.length !== 4) return false;
        reply(answer(429, 'slower', { 'retry-after': retryAfter() }));
        return true;
      },
    },
  });
  await until(() => times.length >= 6, 'it went on');
  const lost = await rig.own('otelcol_exporter_send_failed_metric_points');
  return [
    between(`pause after Retry-After in ${what}`, (times[4]! - times[3]!) / 1000, 1.9, 3.6, 's'),
    equal(`given up after Retry-After in ${what}`, lost, 0),
  ];
}

/** A receiver that wants to be left alone for a day. */
async function parked(lab: Lab): Promise<Measure[]> {
  const times: number[] = [];
  let parking = false;
  const rig = await startRig(lab, {
    warm: 0,
    exporter,
    sink: {
      meet(_, reply) {
        if (!parking) return false;
        times.push(performance.now());
        reply(answer(429, 'tomorrow', { 'retry-after': '86400' }));
        return true;
      },
    },
  });
  parking = true;
  await until(() => times.length >= 1, 'it was told to wait');
  const measures: Measure[] = [];
  if (lab.long) {
    await until(() => times.length >= 2, 'it came again', LONGEST + 30_000);
    measures.push(between('pause asked for a day', (times[1]! - times[0]!) / 1000, 290, 301, 's'));
  } else measures.push(note('pause asked for a day', 'waited for in the long form only'));
  const began = performance.now();
  rig.agent.kill('SIGTERM');
  const { code, at } = await rig.agent.exit;
  return [...measures, equal('exit code', code ?? -1, 0), atMost('stop meanwhile', (at - began) / 1000, 5, 's')];
}
