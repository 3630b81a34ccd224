import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { makeTree } from '../../support/tree.ts';
import { startAgent, until } from '../kit/agent.ts';
import { goodTarget, job } from '../kit/rig.ts';
import { atLeast, equal, note, sleep, type Threat } from '../kit/threat.ts';

const READS = 10_000;

export default {
  id: 'T72',
  title: 'files that are read while they are written',
  async run(lab) {
    const tree = makeTree();
    lab.defer(() => tree.remove());
    const path = `${tree.path}/out.json`;
    const often = { scrape_interval: '20ms', scrape_timeout: '20ms' };
    await startAgent(lab, {
      receivers: { prometheus: { config: { scrape_configs: [job('good', [await goodTarget(lab)], often)] } } },
      exporters: { file: { path, flush_interval: '0s' } },
      service: {
        telemetry: { metrics: { level: 'none' } },
        pipelines: { metrics: { receivers: ['prometheus'], exporters: ['file'] } },
      },
    });
    await until(() => statSync(path).size > 0, 'it writes');
    const file = openSync(path, 'r');
    lab.defer(() => closeSync(file));
    const buffer = Buffer.alloc(4 * 2 ** 20);
    let grown = 0;
    let broken = 0;
    let checked = 0;
    for (let read = 0; read < READS; read++) {
      // What follows the last line feed is on its way; a reader of lines leaves it for later.
      const text = buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, checked));
      const end = text.lastIndexOf('\n') + 1;
      if (end > 0) grown++;
      for (const line of text.slice(0, end).split('\n').slice(0, -1)) if (!isJson(line)) broken++;
      checked += end;
      if (read % 10 === 0) await sleep(1);
    }
    return [
      equal('reads', READS, READS),
      atLeast('reads that saw something new', grown, 20),
      equal('lines that were a part', broken, 0),
      note('temporary files', 'none are made: the one exporter that writes appends'),
    ];
  },
} satisfies Threat;

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
