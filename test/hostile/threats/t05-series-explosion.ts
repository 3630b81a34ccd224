import { until } from '../kit/agent.ts';
import { job, type Rig, startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, type Lab, type Measure, sleep, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

/** Series that are new in each scrape, and how many scrapes. */
const NEW = 500;
const SCRAPES = 1000;
const WARM = 800;

export default {
  id: 'T05',
  title: 'series explosion',
  alone: true,
  async run(lab) {
    return [...(await explosion(lab)), ...(await churn(lab))];
  },
} satisfies Threat;

/** A million series in less than body_size_limit. */
async function explosion(lab: Lab): Promise<Measure[]> {
  const rig = await startRig(lab);
  const lines = Array.from({ length: 1_000_000 }, (_, i) => `m{a="${i.toString(16)}"} 1\n`);
  const page = answer(200, lines.join(''));
  const { port } = await serve(lab, (_, socket) => socket.write(page));
  await rig.attack([
    job('million', [port]),
    job('limited', [port], { sample_limit: 10_000 }),
    job('relabelled', [port], {
      sample_limit: 10_000,
      metric_relabel_configs: [{ source_labels: ['a'], regex: '.*f', action: 'keep' }],
    }),
  ]);
  await sleep(5500);
  return [
    atMost('RSS growth', rig.growth(), 128, 'MiB'),
    ...rig.down('million', /limit/),
    ...rig.down('limited', /sample_limit/),
    ...rig.down('relabelled', /limit/),
    equal('series of the million taken', rig.sink.find('m').length, 0),
    ...rig.neighbours(),
    ...rig.agent.loop(),
  ];
}

/** New series in each scrape: what is kept of them must not grow. */
async function churn(lab: Lab): Promise<Measure[]> {
  const rig = await startRig(lab, { sink: { keep: (name) => name !== 'churn' } });
  let scrape = 0;
  const { port } = await serve(lab, (_, socket) => {
    scrape++;
    const lines = Array.from({ length: NEW }, (__, i) => `churn{id="some-name-of-a-pod-${scrape * NEW + i}"} 1\n`);
    socket.write(answer(200, lines.join('')));
  });
  await rig.attack([job('churn', [port], { scrape_interval: '25ms', scrape_timeout: '25ms' })]);
  // By then V8 has compiled what it will: code is most of what comes before.
  await until(() => scrape >= WARM, `it was scraped ${WARM} times`, 60_000);
  const few = await settledHeap(rig, () => scrape);
  await until(() => scrape >= WARM + SCRAPES, `it was scraped ${SCRAPES} times more`, 60_000);
  const all = await settledHeap(rig, () => scrape);
  const ups = rig.sink.points('up', { job: 'churn' });
  return [
    atLeast('scrapes of these up', ups.filter(({ value }) => value === 1).length, SCRAPES * 0.9),
    // As much as five hundred series more take, at a KiB each: twice the live ones.
    atMost('live heap, growth over 1000 scrapes', (all - few) / 1024, NEW, 'KiB'),
    atMost('RSS growth', rig.growth(), 128, 'MiB'),
    ...rig.neighbours(),
    ...rig.agent.loop(),
  ];
}

/** The least of some looks: between scrapes, with nothing under way. */
async function settledHeap(rig: Rig, scrapes: () => number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 5; look++) {
    const from = scrapes();
    await until(() => scrapes() > from, 'the next scrape');
    least = Math.min(least, (await rig.agent.held()).heap);
  }
  return least;
}
