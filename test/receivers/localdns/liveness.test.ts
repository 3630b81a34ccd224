import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync, utimesSync } from 'node:fs';
import { expect } from 'chai';
import { createRoot } from '#linux';
import { Liveness } from '../../../receivers/localdns/liveness.ts';
import { until } from '../../support/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const PID_FILE = '/run/localdns.pid';
const stat = (pid: number, state: string, start: number) =>
  `${pid} (coredns) ${state} 1${' 0'.repeat(17)} ${start}${' 0'.repeat(30)}\n`;

describe('liveness by a PID file', () => {
  let tree: Tree;
  let liveness: Liveness;
  const children: ChildProcess[] = [];
  const started = (command: string, ...args: string[]) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    return child;
  };
  const names = (pid: number | string | undefined) => tree.write({ 'run/localdns.pid': `${pid}\n` });

  beforeEach(() => {
    tree = makeTree();
    liveness = new Liveness(createRoot(tree.path), PID_FILE);
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    tree.remove();
  });

  it('says when there is none', () => {
    expect(liveness.look()).to.equal('no PID file');
  });

  for (const text of ['', 'x', '0', '-1', '1 2', '99999999999', '0x1']) {
    it(`takes ${JSON.stringify(text)} for no process`, () => {
      names(text);
      expect(liveness.look()).to.equal('dead');
    });
  }

  it('throws for a PID file that is no file', () => {
    tree.write({ 'run/localdns.pid/x': '' });
    expect(() => liveness.look()).to.throw('/run/localdns.pid is a folder');
  });

  it('finds it through links, from the root', () => {
    names(process.pid);
    symlinkSync('/run', `${tree.path}/var-run`);
    expect(new Liveness(createRoot(tree.path), '/var-run/localdns.pid').look()).to.equal('alive');
  });

  it('sees a process live and die', async () => {
    const child = started('sleep', '60');
    names(child.pid);
    expect([liveness.look(), liveness.look()]).to.deep.equal(['alive', 'alive']);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(liveness.look()).to.equal('dead');
  });

  it('sees the next process when the file names it', async () => {
    const [first, second] = [started('sleep', '60'), started('sleep', '60')];
    names(first.pid);
    expect(liveness.look()).to.equal('alive');
    first.kill('SIGKILL');
    await once(first, 'exit');
    names(second.pid);
    expect(liveness.look()).to.equal('alive');
  });

  it('takes a zombie for dead', async () => {
    // The shell becomes a sleep, which never waits for the child that it inherits.
    const parent = started('sh', '-c', 'sleep 60 & echo $!; exec sleep 60');
    const [line] = await once(parent.stdout!, 'data');
    const pid = Number(line);
    names(pid);
    // A shell that is still one would wait for it.
    await until(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n');
    expect(liveness.look()).to.equal('alive');
    process.kill(pid, 'SIGKILL');
    await until(() => liveness.look() === 'dead');
    expect(process.kill(pid, 0), 'its PID is still taken').to.equal(true);
  });

  describe("in the host's own /proc", () => {
    beforeEach(() => {
      tree.write({ 'proc/1/stat': stat(1, 'S', 1) });
      names(4711);
    });

    it('looks there and nowhere else', () => {
      names(process.pid);
      expect(liveness.look()).to.equal('dead');
      tree.write({ 'proc/4711/stat': stat(4711, 'S', 7) });
      names(4711);
      expect(liveness.look()).to.equal('alive');
    });

    it('does not take a process for the one before that had its PID', () => {
      tree.write({ 'proc/4711/stat': stat(4711, 'S', 7) });
      expect(liveness.look()).to.equal('alive');
      tree.write({ 'proc/4711/stat': stat(4711, 'R', 8) });
      expect(liveness.look()).to.equal('dead');
    });

    it('does not take a process that comes later for one that was dead', () => {
      expect(liveness.look()).to.equal('dead');
      tree.write({ 'proc/4711/stat': stat(4711, 'S', 7) });
      expect(liveness.look()).to.equal('dead');
    });

    it('takes the same PID for a new process when the file was written anew', () => {
      tree.write({ 'proc/4711/stat': stat(4711, 'S', 7) });
      expect(liveness.look()).to.equal('alive');
      tree.write({ 'proc/4711/stat': stat(4711, 'S', 8) });
      utimesSync(`${tree.path}${PID_FILE}`, 1, 1);
      expect(liveness.look()).to.equal('alive');
    });
  });
});
