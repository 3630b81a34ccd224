import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { launchAgent, startAgent } from '../support/agent.ts';
import { run, stopChildren, until } from '../support/children.ts';
import {
  countingTargets,
  killOverAndOver,
  type MoodyReceiver,
  moodyReceiver,
  pause,
  queueYaml,
  type Targets,
} from '../support/outage.ts';
import { random } from '../support/random.ts';
import { closeServers } from '../support/servers.ts';

describe('a sending queue on disk, with whole agents', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-queue-'));
  });
  afterEach(async () => {
    await stopChildren();
    await closeServers();
    rmSync(folder, { recursive: true });
  });

  const scraped = (targets: Targets, times: number) =>
    until(() => targets.served.every((own) => own.length >= times), `all targets were scraped ${times} times`);
  /** Every scrape that was not given up has arrived, in order, and none twice. */
  function expectAllOnce(targets: Targets, to: MoodyReceiver): void {
    for (const [t, own] of to.got().entries()) {
      expect(own).to.deep.equal([...new Set(own)].sort((a, b) => a - b));
      const missing = [...targets.heard[t]!].filter((value) => value < own.at(-1)! && !own.includes(value));
      expect(missing).to.deep.equal([]);
    }
  }
  const queue = () => join(folder, 'exporter_prometheusremotewrite');

  it('kill -9 at random moments loses at most the last second, repeats at most one request a kill, and never bars the start', async () => {
    const report = await killOverAndOver(10, folder, random(10));
    expect(report.longest).to.be.at.most(1000);
    expect(report.repeats).to.be.at.most(report.kills);
    expect(report.outOfOrder).to.equal(0);
    expect(report.served).to.be.greaterThan(100);
  });

  it('SIGTERM before a receiver that never answers ends the agent within five seconds, and the next one sends everything', async () => {
    const targets = await countingTargets(2);
    const to = await moodyReceiver(targets);
    to.mood = 'silent';
    const yaml = queueYaml(targets, to.url, folder);
    const first = await startAgent(yaml);
    await scraped(targets, 15);
    const began = performance.now();
    first.kill('SIGTERM');
    expect(await first.exit).to.deep.equal({ code: 0, signal: null });
    expect(performance.now() - began).to.be.lessThan(5000);
    const served = targets.served.map((own) => own.length);
    to.mood = 'ok';
    await startAgent(yaml);
    await until(() => to.got().every((own, t) => (own.at(-1) ?? 0) > served[t]!), 'all of it has arrived');
    expectAllOnce(targets, to);
  });

  it('a receiver that is down, answers 429, 500 and 503 in turn, and resets connections gets everything in the end, in order, once', async () => {
    const targets = await countingTargets(5);
    const to = await moodyReceiver(targets);
    to.mood = 'down';
    const agent = await startAgent(queueYaml(targets, to.url, folder));
    await scraped(targets, 20);
    to.mood = 'turns';
    await scraped(targets, 40);
    to.mood = 'reset';
    await scraped(targets, 60);
    to.mood = 'ok';
    const served = targets.served.map((own) => own.length);
    await until(() => to.got().every((own, t) => (own.at(-1) ?? 0) > served[t]!), 'all of it has arrived');
    agent.kill('SIGTERM');
    await agent.exit;
    expectAllOnce(targets, to);
    await until(() => readdirSync(queue()).length === 0, 'no file is left');
  });

  it('a second agent on the same directory says so and ends', async () => {
    const targets = await countingTargets(1);
    const to = await moodyReceiver(targets);
    const yaml = queueYaml(targets, to.url, folder);
    const first = await startAgent(yaml);
    const second = launchAgent(yaml);
    expect(await second.exit).to.deep.equal({ code: 1, signal: null });
    expect(second.output()).to.contain(`another process (PID ${first.pid} where it runs) uses ${folder}`);
    expect(second.output()).to.contain('cannot start extension file_storage');
  });

  it('validate touches nothing on the disk', async () => {
    const targets = await countingTargets(1);
    const elsewhere = join(folder, 'not', 'there');
    const yaml = queueYaml(targets, 'http://127.0.0.1:1/', elsewhere);

    writeFileSync(join(folder, 'agent.yaml'), yaml);
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const args = ['--disable-warning=ExperimentalWarning', main, 'validate', '--config', join(folder, 'agent.yaml')];
    const child = run(process.execPath, args);
    expect(await child.exit).to.deep.equal({ code: 0, signal: null });
    expect(readdirSync(folder)).to.deep.equal(['agent.yaml']);
    writeFileSync(join(folder, 'agent.yaml'), yaml.replace('extensions: [file_storage]', 'extensions: []'));
    const faulty = run(process.execPath, args);
    expect((await faulty.exit).code).to.equal(1);
    expect(faulty.output()).to.contain('which service.extensions does not list');
  });

  it('a reload that changes the exporter hands its backlog over, in order and without a file lost', async () => {
    const targets = await countingTargets(3);
    const to = await moodyReceiver(targets);
    to.mood = 'down';
    const agent = await startAgent(queueYaml(targets, to.url, folder));
    await scraped(targets, 15);
    agent.rewrite(queueYaml(targets, to.url, folder, { exporter: 'max_batch_request_parallelism: 2' }));
    agent.kill('SIGHUP');
    await agent.says(/the new configuration runs/);
    await scraped(targets, 30);
    to.mood = 'ok';
    const served = targets.served.map((own) => own.length);
    await until(() => to.got().every((own, t) => (own.at(-1) ?? 0) > served[t]!), 'all of it has arrived');
    agent.kill('SIGTERM');
    await agent.exit;
    expectAllOnce(targets, to);
  });

  it('on a disk that is full goes on in memory, says so, and uses the disk when there is room', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
    try {
      const targets = await countingTargets(5);
      const to = await moodyReceiver(targets);
      to.mood = 'down';
      writeFileSync(join(folder, 'ballast'), Buffer.alloc(48 * 1024));
      const agent = await startAgent(queueYaml(targets, to.url, folder));
      await agent.says(/goes on in memory/);
      await scraped(targets, 30);
      rmSync(join(folder, 'ballast'));
      execFileSync('mount', ['-o', 'remount,size=64m', folder]);
      await agent.says(/written to disk again/);
      const served = targets.served.map((own) => own.length);
      to.mood = 'ok';
      await until(() => to.got().every((own, t) => (own.at(-1) ?? 0) > served[t]!), 'all of it has arrived');
      agent.kill('SIGTERM');
      expect(await agent.exit).to.deep.equal({ code: 0, signal: null });
      expectAllOnce(targets, to);
    } finally {
      await stopChildren();
      execFileSync('umount', [folder]);
    }
  });

  it('a reload that changes the storage itself takes the queue along', async () => {
    const targets = await countingTargets(2);
    const to = await moodyReceiver(targets);
    to.mood = 'down';
    const agent = await startAgent(queueYaml(targets, to.url, folder));
    await scraped(targets, 15);
    agent.rewrite(queueYaml(targets, to.url, folder, { max_size: '32MiB' }));
    agent.kill('SIGHUP');
    await agent.says(/the new configuration runs/);
    to.mood = 'ok';
    const served = targets.served.map((own) => own.length);
    await until(() => to.got().every((own, t) => (own.at(-1) ?? 0) > served[t]!), 'all of it has arrived');
    agent.kill('SIGTERM');
    await agent.exit;
    expectAllOnce(targets, to);
  });

  it('damaged, foreign and empty files do not bar the start', async () => {
    const targets = await countingTargets(2);
    const to = await moodyReceiver(targets);
    to.mood = 'down';
    const yaml = queueYaml(targets, to.url, folder);
    const first = await startAgent(yaml);
    await scraped(targets, 20);
    await pause(500);
    first.kill('SIGKILL');
    await first.exit;
    const names = readdirSync(queue()).filter((name) => name.endsWith('.seg'));
    for (const name of names) {
      const bytes = readFileSync(join(queue(), name));
      bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
      writeFileSync(join(queue(), name), bytes);
    }
    writeFileSync(join(queue(), '0000000001-0of5-00000000.seg'), '');
    writeFileSync(
      join(queue(), '0000000002-0of5-00000000.seg'),
      'not a segment at all, but as long as a header or more',
    );
    writeFileSync(join(queue(), '0000000003-0of5-00000000.ack'), 'x'.repeat(100));
    writeFileSync(join(queue(), 'something.tmp'), 'x');
    to.mood = 'ok';
    const second = await startAgent(yaml);
    await until(() => to.got().every((own) => own.length > 15), 'what is sound has arrived');
    expect(second.output()).to.contain('skips damaged records');
    for (const own of to.got()) expect(own).to.deep.equal([...own].sort((a, b) => a - b));
    second.kill('SIGTERM');
    await second.exit;
    expect(readdirSync(queue())).to.deep.equal(['something.tmp']);
  });
});
