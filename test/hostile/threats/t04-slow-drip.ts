import { makeTree } from '../../support/tree.ts';
import { job, startRig } from '../kit/rig.ts';
import { atMost, between, equal, sleep, type Threat } from '../kit/threat.ts';
import { head, listen, onRequest, TEXT } from '../kit/wire.ts';

const TARGETS = 1000;
/** Seconds. */
const TIMEOUT = 2;

export default {
  id: 'T04',
  title: 'slow drip, silent accept',
  alone: true,
  async run(lab) {
    const rig = await startRig(lab);
    const silent = await listen(lab, (socket) => socket.resume());
    const dripping = await listen(lab, (socket) => {
      onRequest(socket, () => {
        socket.write(head(200, { 'content-type': TEXT, 'content-length': 1_000_000 }));
        const timer = setInterval(() => socket.write('a'), 100);
        socket.on('close', () => clearInterval(timer));
      });
    });
    // From a file, as discovery would bring them: what a configuration of this size costs to read is another matter.
    const groups = (port: number) =>
      Array.from({ length: TARGETS / 2 }, (_, n) => ({ targets: [`127.0.0.1:${port}`], labels: { n: String(n) } }));
    const tree = makeTree({
      'silent.json': JSON.stringify(groups(silent.port)),
      'drip.json': JSON.stringify(groups(dripping.port)),
    });
    lab.defer(() => tree.remove());
    const many = (name: string) =>
      job(name, [], {
        scrape_interval: '5s',
        scrape_timeout: `${TIMEOUT}s`,
        file_sd_configs: [{ files: [`${tree.path}/${name}.json`] }],
      });
    await rig.attack([many('silent'), many('drip')]);
    await sleep(13_000);
    const durations = ['silent', 'drip'].flatMap((name) =>
      rig.sink.points('scrape_duration_seconds', { job: name }).map(({ time, value }) => {
        // What the machine withheld may be taken off, but not to fall below the timeout.
        const own = value - rig.agent.withheld(time, time + value * 1000) / 1000;
        return value > TIMEOUT ? Math.max(TIMEOUT, own) : value;
      }),
    );
    const targets = rig.sink.find('up', { job: 'silent' }).length + rig.sink.find('up', { job: 'drip' }).length;
    return [
      equal('slow targets', targets, TARGETS),
      between('shortest scrape', Math.min(...durations), TIMEOUT - 0.25, TIMEOUT + 0.25, 's'),
      between('longest scrape', Math.max(...durations), TIMEOUT - 0.25, TIMEOUT + 0.25, 's'),
      atMost('sockets open at a time', silent.open.size + dripping.open.size, TARGETS),
      ...rig.down('silent', /timed? ?out|deadline|within/i),
      ...rig.down('drip', /timed? ?out|deadline|within/i),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;
