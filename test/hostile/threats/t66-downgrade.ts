import { until } from '../kit/agent.ts';
import { startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, type Lab, type Measure, sleep, type Threat } from '../kit/threat.ts';
import { answer, type RawRequest } from '../kit/wire.ts';

const exporter = { protobuf_message: 'io.prometheus.write.v2.Request', remote_write_queue: { num_consumers: 1 } };

export default {
  id: 'T66',
  title: 'Remote Write 2.0 refused: falling back, and no further',
  async run(lab) {
    return (await Promise.all([falling(lab), bottomless(lab)])).flat();
  },
} satisfies Threat;

const isNew = ({ headers }: RawRequest): boolean => /v2\.Request/.test(headers.get('content-type') ?? '');

/** A receiver that knows 1.0 only. */
async function falling(lab: Lab): Promise<Measure[]> {
  let refused = 0;
  const rig = await startRig(lab, {
    exporter,
    sink: {
      meet(request, reply) {
        if (!isNew(request)) return false;
        refused++;
        reply(answer(415, 'what is this?'));
        return true;
      },
    },
  });
  await sleep(3000);
  const series = rig.sink.find('good_total', { i: '0' });
  const holes = series.flatMap(({ points }) => points.slice(1).map(({ value }, i) => value - points[i]!.value - 1));
  return [
    atMost('requests of 2.0 before it stays with 1.0', refused, 2),
    atLeast('requests of 1.0 taken', rig.sink.requests, 5),
    equal("samples lost, by the scrapes' own numbers", holes.filter((hole) => hole !== 0).length, 0),
    equal('given up', await rig.own('otelcol_exporter_send_failed_metric_points'), 0),
  ];
}

/** One that refuses either: each batch must come to an end. */
async function bottomless(lab: Lab): Promise<Measure[]> {
  let old = 0;
  let all = 0;
  let refusing = false;
  const rig = await startRig(lab, {
    warm: 0,
    exporter: { ...exporter, protobuf_message: 'prometheus.WriteRequest' },
    sink: {
      meet(request, reply) {
        if (!refusing) return false;
        all++;
        if (!isNew(request)) old++;
        reply(answer(415, 'neither of them'));
        return true;
      },
    },
  });
  rig.agent.rewrite(withMessage(rig.config, exporter.protobuf_message));
  refusing = true;
  rig.agent.kill('SIGHUP');
  await rig.agent.says(/the new configuration runs/);
  await until(() => old >= 10, 'ten batches were refused');
  const lines = rig.agent
    .output()
    .split('\n')
    .filter((line) => line.includes('answered 415'));
  const lost = await rig.own('otelcol_exporter_send_failed_metric_points');
  return [
    atMost('requests a batch that is refused either way', all / old, 2),
    atLeast('samples given up and counted', lost, 1000),
    atMost('lines in the log about it', lines.length, 2),
  ];
}

function withMessage(config: object, protobuf_message: string): object {
  const copy = structuredClone(config) as { exporters: Record<string, object> };
  Object.assign(copy.exporters.prometheusremotewrite!, { protobuf_message });
  return copy;
}
