import zlib from 'node:zlib';
import { until } from '../kit/agent.ts';
import { job, startRig } from '../kit/rig.ts';
import { atMost, equal, sleep, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

/** What an answer may not be packed in: more than one layer, or what was not asked for. */
const CHAINS = ['gzip, gzip', 'gzip, gzip, gzip, gzip, gzip', 'identity, gzip', 'gzip,', 'br', 'zstd', 'compress'];

export default {
  id: 'T03',
  title: 'gzip bomb, chained encodings',
  alone: true,
  async run(lab) {
    const rig = await startRig(lab);
    const bombs = [bomb(), zlib.gzipSync(bomb())];
    let scrapes = 0;
    const [single, double] = await Promise.all(
      bombs.map((body, layers) =>
        serve(lab, (_, socket) => {
          if (layers === 0) scrapes++;
          socket.write(answer(200, body, { 'content-encoding': layers ? 'gzip, gzip' : 'gzip' }));
        }),
      ),
    );
    await rig.attack([job('bomb', [single!.port]), job('double', [double!.port])]);
    const before = rig.cpu();
    await sleep(5500);
    const spent = rig.cpu() - before;
    const measures = [
      equal('2 GiB in how many MiB', Math.round(bombs[0]!.length / 2 ** 20), 2),
      atMost('RSS growth', rig.growth(), 64, 'MiB'),
      atMost('CPU a scrape', spent / scrapes, 1, 's'),
      ...rig.down('bomb', /body_size_limit/),
      ...rig.down('double', /Content-Encoding/),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
    const page = zlib.gzipSync('taken 1\n');
    const chains = await Promise.all(
      CHAINS.map((coding) =>
        serve(lab, (_, socket) => socket.write(answer(200, page, { 'content-encoding': coding }))),
      ),
    );
    await rig.attack([
      job(
        'chain',
        chains.map(({ port }) => port),
      ),
    ]);
    await until(() => rig.sink.find('up', { job: 'chain' }).length === CHAINS.length, 'all chains were scraped');
    const up = rig.sink.points('up', { job: 'chain' }).filter(({ value }) => value !== 0);
    return [...measures, equal('odd encodings taken', up.length + rig.sink.find('taken').length, 0)];
  },
} satisfies Threat;

/** A gzip stream of 2 GiB of empty lines: one block of 16 MiB, flushed so that it can be said again. */
function bomb(): Buffer {
  const block = zlib.deflateRawSync(Buffer.alloc(16 * 2 ** 20, '\n'), {
    finishFlush: zlib.constants.Z_FULL_FLUSH,
    level: 9,
  });
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  const end = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...Array.from({ length: 128 }, () => block), end]);
}
