import { until } from '../kit/agent.ts';
import { job, startRig } from '../kit/rig.ts';
import { atMost, equal, most, says, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

const HUGE = 100_000;

export default {
  id: 'T06',
  title: 'huge label',
  async run(lab) {
    const rig = await startRig(lab);
    let scrape = 0;
    const value = 'ä'.repeat(HUGE / 4) + '\\n\\"'.repeat(HUGE / 8);
    const { port } = await serve(lab, (_, socket) => {
      scrape++;
      // Another end each time, so that nothing is remembered.
      socket.write(answer(200, `huge{value="${value}${scrape}"} 1\n`));
    });
    const limited = { label_value_length_limit: 1000 };
    await rig.attack([job('kept', [port]), job('limited', [port], limited)]);
    await until(() => rig.sink.points('up', { job: 'limited' }).length >= 3, 'it was scraped three times');
    await until(() => rig.sink.points('up', { job: 'kept' }).length >= 3, 'it was scraped three times');
    const durations = ['kept', 'limited'].flatMap((name) =>
      rig.sink.points('scrape_duration_seconds', { job: name }).map((point) => point.value * 1000),
    );
    const [first] = rig.sink.find('huge', { job: 'kept' });
    const wanted = value.replaceAll('\\n', '\n').replaceAll('\\"', '"');
    return [
      equal('kept whole without a limit', first?.labels.get('value')?.startsWith(wanted) ?? false, true),
      equal('up without a limit', most(rig.sink.points('up', { job: 'kept' }).map((point) => point.value)), 1),
      atMost('whole scrape, parsing included', most(durations), 50, 'ms'),
      ...rig.down('limited', /label_value_length_limit/),
      equal('samples past the limit', rig.sink.find('huge', { job: 'limited' }).length, 0),
      says(
        'reason is short',
        rig.agent
          .output()
          .split('\n')
          .find((line) => line.includes('label_value_length')),
        /^.{0,600}$/,
      ),
      ...rig.neighbours(),
    ];
  },
} satisfies Threat;
