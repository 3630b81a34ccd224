import type net from 'node:net';
import { startRigBlind } from '../kit/rig.ts';
import { atLeast, atMost, type Lab, type Measure, most, sleep, type Threat } from '../kit/threat.ts';
import { chunk, flood, head, listen, onRequest } from '../kit/wire.ts';

const KIB = 1024;
type Answer = (socket: net.Socket, wrote: (bytes: number) => void) => void;

const letters = Buffer.alloc(4 * KIB, 'a');
/** In small steps, so that what the receiver could write is what was taken. */
const drip: (piece: Buffer) => Answer = (piece) => (socket, wrote) => {
  let bytes = 0;
  const timer = setInterval(() => {
    if (socket.writableLength > 0) return;
    socket.write(piece);
    bytes += piece.length;
    wrote(bytes);
  }, 10);
  socket.on('close', () => clearInterval(timer));
};

const ANSWERS: readonly [string, Answer][] = [
  ['204 then for ever', start(head(204, {}), drip(letters))],
  ['200 for ever', start(head(200, {}), drip(letters))],
  ['200 in chunks for ever', start(head(200, { 'transfer-encoding': 'chunked' }), drip(chunk(letters)))],
  ['400 for ever', start(head(400, {}), drip(letters))],
  ['503 of a terabyte', start(head(503, { 'content-length': 2 ** 40 }), drip(letters))],
  ['head for ever', start(Buffer.from('HTTP/1.1 200 OK\r\n'), drip(Buffer.from(`X: ${'x'.repeat(4 * KIB)}\r\n`)))],
  ['1xx for ever', drip(Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(10)))],
];

export default {
  id: 'T64',
  title: 'endless and huge answers, floods of 1xx',
  alone: true,
  async run(lab) {
    const half = Math.ceil(ANSWERS.length / 2);
    const some = (from: number, to: number) =>
      Promise.all(ANSWERS.slice(from, to).map((answer) => one(lab, ...answer)));
    const measures = [...(await some(0, half)), ...(await some(half, ANSWERS.length))];
    return [...measures.flat(), ...(await flooded(lab))];
  },
} satisfies Threat;

function start(bytes: Buffer, then: Answer): Answer {
  return (socket, wrote) => {
    socket.write(bytes);
    then(socket, wrote);
  };
}

async function one(lab: Lab, what: string, say: Answer): Promise<Measure[]> {
  const taken: number[] = [];
  const lasted: number[] = [];
  const receiver = await listen(lab, (socket) =>
    onRequest(socket, () => {
      const began = performance.now();
      let bytes = 0;
      say(socket, (all) => {
        bytes = all;
      });
      socket.on('close', () => {
        taken.push(bytes);
        lasted.push(performance.now() - began);
      });
    }),
  );
  const exporter = { endpoint: `http://127.0.0.1:${receiver.port}/`, timeout: '10s' };
  const rig = await startRigBlind(lab, exporter);
  await sleep(2500);
  const growth = rig.growth();
  rig.agent.kill('SIGKILL');
  await rig.agent.exit;
  return [
    // What is under way when it closes the connection was written all the same.
    atMost(`${what}: taken`, most(taken) / KIB, 64 + 32, 'KiB'),
    atMost(`${what}: connection lasted`, most(lasted) / 1000, 1, 's'),
    atMost(`${what}: RSS growth`, growth, 32, 'MiB'),
  ];
}

/** As fast as it goes. */
async function flooded(lab: Lab): Promise<Measure[]> {
  let answers = 0;
  const receiver = await listen(lab, (socket) =>
    onRequest(socket, () => {
      answers++;
      socket.write(head(500, { 'transfer-encoding': 'chunked' }));
      flood(socket, chunk(Buffer.alloc(256 * KIB, 'a')));
    }),
  );
  const rig = await startRigBlind(lab, { endpoint: `http://127.0.0.1:${receiver.port}/` });
  await sleep(4000);
  return [
    atLeast('flooded: answers', answers, 3),
    atMost('flooded: RSS growth', rig.growth(), 32, 'MiB'),
    ...rig.agent.loop(),
  ];
}
