import { decodeBody } from '../../support/write_request.ts';
import { until } from '../kit/agent.ts';
import { startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, type Threat } from '../kit/threat.ts';
import { answer } from '../kit/wire.ts';

const RESETS = 20;

export default {
  id: 'T67',
  title: 'duplicate delivery after resets and half answers',
  async run(lab) {
    let requests = 0;
    let resets = 0;
    let largest = 0;
    let taken = 0;
    let resetting = false;
    const rig = await startRig(lab, {
      warm: 0,
      sink: {
        // Takes the batch, and then does not get its answer across.
        meet({ body }, reply, destroy) {
          if (!resetting) return false;
          requests++;
          const { length } = decodeBody(body).series;
          taken += length;
          if (requests % 3 || resets >= RESETS) return false;
          resets++;
          largest = Math.max(largest, length);
          rig.sink.take(body);
          if (resets % 2) destroy();
          else {
            reply(answer(204).subarray(0, 20));
            destroy();
          }
          return true;
        },
      },
    });
    resetting = true;
    await until(() => resets >= RESETS, 'twenty answers were lost', 60_000);
    const before = requests;
    await until(() => requests > before + 10, 'it goes on');
    let all = 0;
    let distinct = 0;
    let orders = 0;
    let holes = 0;
    for (const { points } of rig.sink.find('good_total')) {
      const times = [...new Set(points.map(({ time }) => time))];
      all += points.length;
      distinct += times.length;
      if (times.some((time, i) => i > 0 && time < times[i - 1]!)) orders++;
      const values = [...new Set(points.map(({ value }) => value))];
      if (values.length !== values.at(-1)! - values[0]! + 1) holes++;
    }
    return [
      equal('answers lost', resets, RESETS),
      atLeast('samples taken', taken, 1000),
      equal("samples lost, by the scrapes' own numbers", holes, 0),
      equal('series out of order, but for the repeats', orders, 0),
      atLeast('samples that came twice', all - distinct, 1),
      atMost('samples that came twice, a lost answer', (all - distinct) / RESETS, largest),
      ...rig.neighbours(),
    ];
  },
} satisfies Threat;
