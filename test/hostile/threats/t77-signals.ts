import net from 'node:net';
import { until } from '../kit/agent.ts';
import { goodTarget, job, startRig, startRigBlind } from '../kit/rig.ts';
import { atMost, equal, type Lab, type Measure, sleep, type Threat } from '../kit/threat.ts';
import { listen } from '../kit/wire.ts';

export default {
  id: 'T77',
  title: 'signals',
  async run(lab) {
    const ends = [blackHole(lab, 'SIGTERM'), blackHole(lab, 'SIGINT'), twice(lab)];
    const measures = (await Promise.all(ends)).flat();
    return [...measures, ...(await ignored(lab)), ...(await reload(lab))];
  },
} satisfies Threat;

/** A receiver that takes everything and never answers. */
const hole = async (lab: Lab): Promise<object> => {
  const { port } = await listen(lab, (socket) => socket.resume());
  return { endpoint: `http://127.0.0.1:${port}/`, timeout: '60s' };
};

async function blackHole(lab: Lab, signal: NodeJS.Signals): Promise<Measure[]> {
  const rig = await startRigBlind(lab, await hole(lab));
  const began = performance.now();
  rig.agent.kill(signal);
  const { code, at } = await rig.agent.exit;
  return [
    atMost(`${signal} before a black hole: stopped after`, (at - began) / 1000, 5, 's'),
    equal(`${signal} before a black hole: exit code`, code ?? -1, 0),
  ];
}

async function twice(lab: Lab): Promise<Measure[]> {
  const rig = await startRigBlind(lab, await hole(lab));
  rig.agent.kill('SIGTERM');
  await rig.agent.says(/stopping/);
  const began = performance.now();
  rig.agent.kill('SIGTERM');
  const { code, at } = await rig.agent.exit;
  return [atMost('SIGTERM again: gone after', at - began, 500, 'ms'), equal('SIGTERM again: exit code', code ?? 0, 1)];
}

/** SIGPIPE, a log that nobody reads any more, and the signal that would open Node's inspector to the network. */
async function ignored(lab: Lab): Promise<Measure[]> {
  const rig = await startRig(lab, { warm: 500 });
  rig.agent.kill('SIGPIPE');
  rig.agent.kill('SIGUSR1');
  await sleep(500);
  rig.agent.closeOutput();
  // Makes it write to its log.
  await rig.attack([job('down', [1])], 'quietly');
  const from = Date.now();
  await until(() => rig.sink.points('up', { job: 'good' }, from).length >= 10, 'it goes on scraping');
  const inspector = await reachable(9229);
  return [
    equal('runs on after SIGPIPE and a closed log', !rig.agent.ended, true),
    equal('SIGUSR1 opens the inspector', inspector || /Debugger listening/.test(rig.agent.output()), false),
    ...rig.neighbours(),
  ];
}

async function reload(lab: Lab): Promise<Measure[]> {
  const rig = await startRig(lab, { warm: 500 });
  const target = await goodTarget(lab, 1);
  for (let i = 0; i < 20; i++) rig.agent.kill('SIGHUP');
  await rig.attack([job('more', [target])]);
  await until(() => rig.sink.find('up', { job: 'more' }).length === 1, 'the new target is scraped');
  await sleep(3000);
  // Twenty reloads one after the other may keep a scrape waiting for some hundred milliseconds; none may be lost.
  return [equal('SIGHUP: the new configuration runs', true, true), ...rig.neighbours().slice(1)];
}

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
