/**
 * Queues on disk, the long way: `node bench/outage.ts kills 200` kills an agent so often at random moments while its receiver
 * is mostly down; `node bench/outage.ts down 600` keeps the receiver down for so many seconds and looks at what arrives, how
 * fast, and what it costs. Loopback and a temporary folder only.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent } from '../test/support/agent.ts';
import { stopChildren } from '../test/support/children.ts';
import {
  arrivals,
  countingTargets,
  killOverAndOver,
  moodyReceiver,
  pause,
  queueYaml,
  verdict,
} from '../test/support/outage.ts';
import { random } from '../test/support/random.ts';
import { closeServers } from '../test/support/servers.ts';

const say = (text: string) => process.stdout.write(`${text}\n`);

async function down(seconds: number, folder: string): Promise<void> {
  const targets = await countingTargets(10, 300);
  const to = await moodyReceiver(targets);
  const yaml = queueYaml(targets, to.url, folder, { interval: '1s', max_interval: '1s', max_size: '1GiB' });
  const agent = await startAgent(yaml);
  await pause(10_000);
  say(`before: ${memory(agent.pid)} MiB resident (anonymous), ${cpu(agent.pid)} s of CPU`);
  to.mood = 'down';
  for (let i = 0; i < 6; i++) {
    await pause((seconds * 1000) / 6);
    say(
      `down for ${((i + 1) * seconds) / 6} s: ${memory(agent.pid)} MiB, ${cpu(agent.pid)} s, ${bytes(folder)} bytes on disk`,
    );
  }
  const [used, held] = [cpu(agent.pid), bytes(folder)];
  to.mood = 'ok';
  const began = performance.now();
  await arrivals(targets, to, 120_000);
  say(
    `caught up with ${held} bytes ${((performance.now() - began) / 1000).toFixed(1)} s after it healed (a pause of up to 1.5 s between attempts included)`,
  );
  say(`after: ${memory(agent.pid)} MiB, ${(cpu(agent.pid) - used).toFixed(2)} s of CPU for the backlog`);
  agent.kill('SIGTERM');
  await agent.exit;
  say(JSON.stringify(verdict(targets, to, [])));
}

function memory(pid: number): string {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (key: string) => Math.round(Number(new RegExp(`${key}:\\s+(\\d+)`).exec(text)![1]) / 1024);
  return `${mebibytes('VmRSS')} (${mebibytes('RssAnon')})`;
}

function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function bytes(folder: string): number {
  const queue = join(folder, 'exporter_prometheusremotewrite');
  return readdirSync(queue).reduce((sum, name) => sum + statSync(join(queue, name)).size, 0);
}

const [what, count] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'dnscol-outage-'));
try {
  if (what === 'kills') say(JSON.stringify(await killOverAndOver(Number(count), folder, random(200), say)));
  else if (what === 'down') await down(Number(count), folder);
  else say('usage: outage.ts kills COUNT | down SECONDS');
} finally {
  await stopChildren();
  await closeServers();
  rmSync(folder, { recursive: true });
}
