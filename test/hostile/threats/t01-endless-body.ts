import type net from 'node:net';
import type { Agent } from '../kit/agent.ts';
import { job, startRig } from '../kit/rig.ts';
import { atMost, type Lab, most, sleep, type Threat } from '../kit/threat.ts';
import { chunk, flood, head, type Listener, serve, TEXT } from '../kit/wire.ts';

/** The default of `body_size_limit`. */
const LIMIT = 16 * 1024 * 1024;
const KIB = 1024;

export default {
  id: 'T01',
  title: 'endless body',
  alone: true,
  async run(lab) {
    const rig = await startRig(lab);
    const wrote: number[] = [];
    const flooding = await endless(lab, (socket) => {
      const scrape = wrote.push(0) - 1;
      flood(socket, piece(64 * KIB), (bytes) => {
        wrote[scrape] = bytes;
      });
    });
    const late: Late[] = [];
    const taken: number[] = [];
    const pacing = await endless(lab, (socket) => pace(socket, late, taken));
    await rig.attack([job('bad', [flooding.port]), job('bad_paced', [pacing.port], { scrape_timeout: '900ms' })]);
    const before = rig.read();
    await sleep(5500);
    const scrapes = flooding.made + pacing.made;
    return [
      atMost('read a scrape, mean', (rig.read() - before) / scrapes / KIB, (LIMIT + 256 * KIB) / KIB, 'KiB'),
      atMost('written to it a scrape, paced', most(taken) / KIB, (LIMIT + 256 * KIB) / KIB, 'KiB'),
      atMost('socket gone after the limit', most(late.map((one) => ownLateness(rig.agent, one))), 100, 'ms'),
      atMost('RSS growth', rig.growth(), 64, 'MiB'),
      ...rig.down('bad', /body_size_limit/),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;

interface Late {
  at: number;
  ms: number;
}

/** Without the time in which the agent had no CPU to close anything on. */
const ownLateness = (agent: Agent, { at, ms }: Late): number => Math.max(0, ms - agent.withheld(at - ms, at));

/** Lines in chunks, without end. */
function piece(length: number): Buffer {
  const line = 'endless_total{label="some value that takes room"} 1\n';
  return chunk(line.repeat(Math.ceil(length / line.length)));
}

function endless(lab: Lab, go: (socket: net.Socket) => void): Promise<Listener> {
  return serve(lab, (_, socket) => {
    socket.write(head(200, { 'content-type': TEXT, 'transfer-encoding': 'chunked' }));
    go(socket);
  });
}

/** Up to a little below the limit at once, then in small steps, so that the time of the limit is known. */
function pace(socket: net.Socket, late: Late[], taken: number[]): void {
  const step = piece(8 * KIB);
  let bytes = 0;
  while (bytes < LIMIT - 128 * KIB) bytes += write(piece(64 * KIB));
  let passed = 0;
  const timer = setInterval(() => {
    if (socket.writableLength > 0) return;
    bytes += write(step);
    if (bytes > LIMIT) passed ||= performance.now();
  }, 4);
  socket.on('close', () => {
    clearInterval(timer);
    if (!passed) return;
    late.push({ at: Date.now(), ms: performance.now() - passed });
    taken.push(bytes);
  });
  function write(what: Buffer): number {
    socket.write(what);
    return what.length;
  }
}
