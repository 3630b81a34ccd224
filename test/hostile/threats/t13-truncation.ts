import { until } from '../kit/agent.ts';
import { job, startRig } from '../kit/rig.ts';
import { atLeast, equal, type Lab, type Threat } from '../kit/threat.ts';
import { answer, chunk, head, serve, TEXT } from '../kit/wire.ts';

const CUTS = 2048;
const TARGETS = 64;

export default {
  id: 'T13',
  title: 'truncation at any byte',
  alone: true,
  async run(lab) {
    const rig = await startRig(lab);
    const lines = Array.from({ length: 80 }, (_, i) => `cut_total{label="some value",i="${i}"} 1\n`);
    const [length, chunked] = [await cutting(lab, answer(200, lines.join(''))), await cutting(lab, inChunks(lines))];
    const often = { scrape_interval: '200ms', scrape_timeout: '200ms' };
    await rig.attack([job('length', length.ports, often), job('chunked', chunked.ports, often)]);
    await until(() => length.left() + chunked.left() === 0, 'every cut was made', 60_000);
    await until(() => rig.sink.points('up', { job: 'chunked' }).length >= CUTS, 'the scrapes arrived');
    const ups = [...rig.sink.points('up', { job: 'length' }), ...rig.sink.points('up', { job: 'chunked' })];
    return [
      atLeast('cut answers', ups.length, 2 * CUTS),
      equal('of these up', ups.filter(({ value }) => value !== 0).length, 0),
      equal('samples of cut pages', rig.sink.points('cut_total').length, 0),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;

function inChunks(lines: readonly string[]): Buffer {
  const start = head(200, { 'content-type': TEXT, 'transfer-encoding': 'chunked' });
  return Buffer.concat([start, ...lines.map((line) => chunk(line)), Buffer.from('0\r\n\r\n')]);
}

/** Targets that give this answer cut at each byte once: by an end in order, or every other time by a reset. */
async function cutting(lab: Lab, whole: Buffer): Promise<{ ports: number[]; left(): number }> {
  if (whole.length <= CUTS) throw new Error('the answer is too short');
  const cuts = Array.from({ length: CUTS }, (_, i) => i + whole.length - CUTS);
  const servers = await Promise.all(
    Array.from({ length: TARGETS }, () =>
      serve(lab, (_, socket) => {
        const cut = cuts.pop();
        if (cut === undefined) return void socket.end(answer(503));
        if (cut % 2) socket.end(whole.subarray(0, cut));
        else socket.write(whole.subarray(0, cut), () => socket.resetAndDestroy());
      }),
    ),
  );
  return { ports: servers.map(({ port }) => port), left: () => cuts.length };
}
