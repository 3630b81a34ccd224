import { decodeBody } from '../../support/write_request.ts';
import { until } from '../kit/agent.ts';
import { startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, type Lab, type Measure, sleep, type Threat } from '../kit/threat.ts';
import { answer } from '../kit/wire.ts';

/** The most series that the receiver takes at a time. */
const MOST = 30;

export default {
  id: 'T63',
  title: '413',
  async run(lab) {
    return [...(await splitting(lab)), ...(await never(lab))];
  },
} satisfies Threat;

/** Larger requests are refused; halved until they fit, everything arrives. */
async function splitting(lab: Lab): Promise<Measure[]> {
  let refused = 0;
  const rig = await startRig(lab, {
    warm: 4000,
    sink: {
      meet({ body }, reply) {
        if (decodeBody(body).series.length <= MOST) return false;
        refused++;
        reply(answer(413, 'too large'));
        return true;
      },
    },
  });
  await sleep(2000);
  await rig.attack([]);
  const series = rig.sink.find('good_total');
  const holes = series.map(({ points }) => points.at(-1)!.value - points[0]!.value - (points.length - 1));
  return [
    atLeast('requests refused', refused, 10),
    equal('series that arrived', series.length, 1000),
    equal("samples lost or twice, by the scrapes' own numbers", holes.filter((hole) => hole !== 0).length, 0),
    equal('given up', await rig.own('otelcol_exporter_send_failed_metric_points'), 0),
    ...rig.neighbours(),
  ];
}

/** Whatever is sent is too large: it must come to an end with each sample. */
async function never(lab: Lab): Promise<Measure[]> {
  let smallest = Number.POSITIVE_INFINITY;
  let refusing = false;
  let requests = 0;
  const rig = await startRig(lab, {
    warm: 500,
    sink: {
      meet({ body }, reply) {
        if (!refusing) return false;
        requests++;
        smallest = Math.min(smallest, decodeBody(body).series.length);
        reply(answer(413, 'too large'));
        return true;
      },
    },
  });
  refusing = true;
  await until(() => requests >= 5000, 'five thousand requests were refused', 60_000);
  refusing = false;
  const at = rig.sink.points('up').length;
  await until(() => rig.sink.points('up').length > at, 'it goes on afterwards', 10_000);
  const lost = await rig.own('otelcol_exporter_send_failed_metric_points');
  const lines = rig.agent
    .output()
    .split('\n')
    .filter((line) => line.includes('answered 413'));
  return [
    equal('smallest request tried, series', smallest, 1),
    atLeast('samples given up and counted', lost, 500),
    atMost('lines in the log about it', lines.length, 1),
    ...rig.agent.loop(),
  ];
}
