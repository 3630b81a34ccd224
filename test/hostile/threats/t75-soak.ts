import { type Agent, type Held, until } from '../kit/agent.ts';
import { openFiles, resident } from '../kit/proc.ts';
import { job, startRig } from '../kit/rig.ts';
import { atLeast, atMost, between, note, sleep, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

const TARGETS = 100;
const INTERVAL = 100;
const MIB = 2 ** 20;
/** A day's memory at 1 MiB an hour. */
const DAY = 24;

export default {
  id: 'T75',
  title: 'soak',
  alone: true,
  async run(lab) {
    const wanted = lab.long ? 100_000 : 10_000;
    let scrapes = 0;
    const { port } = await serve(lab, (request, socket) => {
      scrapes++;
      // Now and then a target shows something else, fails, or closes the connection.
      const odd = scrapes % 50;
      if (odd === 1) return void socket.write(answer(500));
      if (odd === 2) return void socket.end(answer(200, 'a 1\n'));
      const more = odd === 3 ? `passing{n="${scrapes}"} 1\n` : '';
      socket.write(answer(200, `a{path="${request.path}"} ${scrapes}\nb 1\nc 2\n${more}`));
    });
    const rig = await startRig(lab, { sink: { keep: (name) => name === 'up' }, warm: 500 });
    const labels = Array.from({ length: TARGETS }, (_, n) => ({
      targets: [`127.0.0.1:${port}`],
      labels: { n: String(n) },
    }));
    const often = { scrape_interval: `${INTERVAL}ms`, scrape_timeout: `${INTERVAL}ms` };
    const filesAtRest = openFiles(rig.agent.pid);
    await rig.attack([job('soak', [], { static_configs: labels, ...often })]);
    await until(() => scrapes >= wanted / 3, 'a third is done', 200_000);
    const look = async () => ({
      ...(await leastHeld(rig.agent)),
      files: openFiles(rig.agent.pid),
      rss: resident(rig.agent.pid),
    });
    await look();
    await sleep(2000);
    const before = await look();
    const from = scrapes;
    await until(() => scrapes >= wanted, 'it is done', 400_000);
    const after = await look();
    await rig.attack([]);
    await sleep(1000);
    // As a day has a hundred thousand scrapes, this part of them has its part of a day.
    const hours = (DAY * (scrapes - from)) / 100_000;
    return [
      atLeast('scrapes', scrapes, wanted),
      atMost('live heap, growth', (after.heap - before.heap) / MIB, 1, 'MiB'),
      lab.long
        ? atMost('RSS growth an hour, where 100,000 scrapes are a day', (after.rss - before.rss) / hours, 1, 'MiB/h')
        : note('RSS growth an hour', 'in the long form only: ten thousand scrapes are too few for a slope'),
      between('open files once it is over, change', openFiles(rig.agent.pid) - filesAtRest, -2, 2),
      between('timers, change', after.timers - before.timers, -TARGETS / 10, TARGETS / 10),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;

/** Of some looks the one with the least heap: what is under way at the moment, bodies and batches, is no growth. */
async function leastHeld(agent: Agent): Promise<Held> {
  const looks: Held[] = [];
  for (let i = 0; i < 8; i++) looks.push(await agent.held());
  return looks.reduce((least, one) => (one.heap < least.heap ? one : least));
}
