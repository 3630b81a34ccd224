import { job, startRig } from '../kit/rig.ts';
import { atMost, between, equal, sleep, type Threat } from '../kit/threat.ts';
import { head, listen, onRequest, TEXT } from '../kit/wire.ts';

const TARGETS = 1000;
/** Seconds. */
const TIMEOUT = 2;

export default {
  id: 'T04',
  title: 'slow drip, silent accept',
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
    const paths = Array.from({ length: TARGETS / 2 }, (_, i) => ({ targets: [], labels: { n: String(i) } }));
    const many = (name: string, port: number) =>
      job(name, [], {
        scrape_interval: '5s',
        scrape_timeout: `${TIMEOUT}s`,
        static_configs: paths.map(({ labels }) => ({ targets: [`127.0.0.1:${port}`], labels })),
      });
    await rig.attack([many('silent', silent.port), many('drip', dripping.port)]);
    await sleep(13_000);
    const durations = ['silent', 'drip'].flatMap((name) =>
      rig.sink.points('scrape_duration_seconds', { job: name }).map(({ value }) => value),
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
