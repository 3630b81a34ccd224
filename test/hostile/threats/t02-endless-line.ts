import { job, startRig } from '../kit/rig.ts';
import { atMost, sleep, type Threat } from '../kit/threat.ts';
import { flood, head, serve, TEXT } from '../kit/wire.ts';

const LIMIT = 16 * 1024 * 1024;
const KIB = 1024;

export default {
  id: 'T02',
  title: 'one endless line',
  alone: true,
  async run(lab) {
    const rig = await startRig(lab);
    let scrapes = 0;
    const line = Buffer.alloc(64 * KIB, 'a');
    const { port } = await serve(lab, (_, socket) => {
      scrapes++;
      // Without a length and without chunks: the body ends with the connection, which is never.
      socket.write(head(200, { 'content-type': TEXT }));
      flood(socket, line);
    });
    await rig.attack([job('bad', [port])]);
    const before = rig.read();
    await sleep(5500);
    return [
      atMost('read a scrape, mean', (rig.read() - before) / scrapes / KIB, (LIMIT + 256 * KIB) / KIB, 'KiB'),
      atMost('RSS growth', rig.growth(), 32, 'MiB'),
      ...rig.down('bad', /body_size_limit/),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;
