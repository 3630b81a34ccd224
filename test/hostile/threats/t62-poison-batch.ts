import { decodeBody } from '../../support/write_request.ts';
import { until } from '../kit/agent.ts';
import { job, startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

export default {
  id: 'T62',
  title: 'poison batch, 4xx storm',
  async run(lab) {
    let refusing = 400;
    let refused = 0;
    let storm = 0;
    const rig = await startRig(lab, {
      warm: 500,
      sink: {
        meet({ body }, reply) {
          const poisoned = decodeBody(body).series.some(
            ({ labels, samples }) => labels.includes('poison') && samples[0]?.value === 1,
          );
          if (!poisoned && refusing === 400) return false;
          if (refusing === 400) refused++;
          else storm++;
          reply(answer(refusing, 'not this one'));
          return true;
        },
      },
    });
    let scrapes = 0;
    const { port } = await serve(lab, (_, socket) => {
      scrapes++;
      socket.write(answer(200, scrapes === 3 ? 'poison 1\n' : `sound ${scrapes}\n`));
    });
    await rig.attack([job('sick', [port])]);
    await until(() => scrapes >= 8 && refused > 0, 'it went on after the poison');
    const lost = await rig.own('otelcol_exporter_send_failed_metric_points', /reason="permanent"/);
    const arrived = rig.sink.points('sound').filter(({ value }) => !Number.isNaN(value));
    const neighbours = rig.neighbours();
    // Its own scrape has seven samples; a busy lane may have put a neighbour's into the same request.
    const measures = [
      equal('requests refused', refused, 1),
      atLeast('samples given up', lost, 7),
      atMost('samples given up', lost, 7 + 3 * 205),
      atLeast('samples of the same target afterwards', arrived.length, 6),
      ...neighbours,
    ];
    refusing = 403;
    await until(() => storm >= 50, 'fifty requests were refused');
    const words = rig.agent.output().split('\n');
    const about = (status: number) => words.filter((line) => line.includes(`answered ${status}`)).length;
    return [
      ...measures,
      atMost('lines in the log about 400', about(400), 1),
      atLeast('lines in the log about 403', about(403), 0),
      atMost('lines in the log about 403', about(403), 1),
    ];
  },
} satisfies Threat;
