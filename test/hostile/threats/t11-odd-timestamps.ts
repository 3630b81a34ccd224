import { until } from '../kit/agent.ts';
import { job, startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, most, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

export default {
  id: 'T11',
  title: 'timestamps out of order, old and in the future',
  async run(lab) {
    const rig = await startRig(lab, { warm: 500 });
    let scrape = 0;
    const { port } = await serve(lab, (_, socket) => {
      scrape++;
      const now = Date.now();
      const page = [
        'plain 1',
        `old ${scrape} ${now - 3 * 3600_000}`,
        'ancient 1 1',
        `backwards ${scrape} ${now - scrape * 10_000}`,
        `ahead ${scrape} ${now + 11 * 60_000}`,
        `far ${scrape} 9223372036854775807`,
        `just ${scrape} ${now + 9 * 60_000}`,
      ];
      socket.write(answer(200, `${page.join('\n')}\n`));
    });
    await rig.attack([job('times', [port])]);
    await until(() => rig.sink.points('up', { job: 'times' }).length >= 5, 'it was scraped five times');
    const counter = (kind: string) => rig.own(`prometheus_target_scrapes_sample_${kind}_total`);
    const ups = rig.sink.points('up', { job: 'times' });
    const latest = most(rig.sink.points('just').map(({ time }) => time)) - Date.now();
    return [
      equal('up', Math.min(...ups.map(({ value }) => value)), 1),
      atLeast('plain samples kept', rig.sink.points('plain').length, 4),
      atLeast('nine minutes ahead are kept', rig.sink.points('just').length, 4),
      atLeast('old ones are kept', rig.sink.points('old').length, 4),
      equal('eleven minutes ahead passed', rig.sink.points('ahead').length + rig.sink.points('far').length, 0),
      equal('went backwards', backwards(rig.sink.points('backwards').map(({ time }) => time)), 0),
      atLeast('counted as out of bounds', await counter('out_of_bounds'), 8),
      atLeast('counted as out of order', await counter('out_of_order'), 3),
      atMost('latest sample, ahead of now', latest / 60_000, 10, 'min'),
      ...rig.neighbours(),
    ];
  },
} satisfies Threat;

const backwards = (times: readonly number[]): number => times.filter((time, i) => i > 0 && time < times[i - 1]!).length;
