import { spawnSync } from 'node:child_process';
import { mkdirSync, statfsSync } from 'node:fs';
import { makeTree } from '../../support/tree.ts';
import { until } from '../kit/agent.ts';
import { startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, says, sleep, type Threat } from '../kit/threat.ts';
import { answer } from '../kit/wire.ts';

export default {
  id: 'T70',
  title: 'disk full under the sending queue',
  async run(lab) {
    const tree = makeTree();
    lab.defer(() => tree.remove());
    const directory = `${tree.path}/small`;
    mkdirSync(directory);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory], { encoding: 'utf8' });
    if (mounted.status !== 0) throw new Error(`needs root, to mount a small tmpfs: ${mounted.stderr}`);
    lab.defer(() => spawnSync('umount', ['-l', directory]));
    let down = false;
    const rig = await startRig(lab, {
      warm: 500,
      extensions: { file_storage: { directory } },
      exporter: { remote_write_queue: { storage: 'file_storage', num_consumers: 1 } },
      sink: {
        meet(_, reply) {
          if (down) reply(answer(503, 'no'));
          return down;
        },
      },
    });
    down = true;
    await until(() => statfsSync(directory).bavail === 0, 'the disk is full', 60_000);
    await rig.agent.says(/ENOSPC|no space/i);
    await sleep(5000);
    const errors = await rig.own('dnscol_exporter_queue_disk_errors');
    const lines = rig.agent
      .output()
      .split('\n')
      .filter((line) => /ENOSPC|no space/i.test(line));
    down = false;
    await until(async () => (await rig.own('otelcol_exporter_queue_size')) === 0, 'the backlog is sent', 60_000);
    await sleep(1500);
    const good = rig.sink.find('good_total', { i: '0' });
    const holes = good.flatMap(({ points }) => points.slice(1).map(({ value }, i) => value - points[i]!.value - 1));
    return [
      atLeast('errors counted', errors, 1),
      says('said', lines[0], /ENOSPC|no space/i),
      atMost('lines in the log about it', lines.length, 2),
      equal('still runs', !rig.agent.ended, true),
      equal("samples lost, by the scrapes' own numbers", holes.filter((hole) => hole !== 0).length, 0),
      atLeast('scrapes that arrived, of each target', Math.min(...good.map(({ points }) => points.length)), 8),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;
