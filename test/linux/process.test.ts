import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  bootTime,
  commandLine,
  createRoot,
  executable,
  isStillThere,
  listProcesses,
  networkNamespace,
  ownerOfProcess,
  parseChildren,
  parseProcessStat,
  readProcess,
  residentMemory,
  socketsOfProcess,
} from '#linux';
import { makeTree, type Tree } from '../support/tree.ts';

const TAIL = '1 7 7 0 -1 4194560 100 0 0 0 250 50 1000 500 20 0 1 0 4711 8192000 300 18446744073709551615';

describe('parseProcessStat', () => {
  const reads = (comm: string) =>
    it(`takes the comm ${JSON.stringify(comm)} as it is`, () => {
      expect(parseProcessStat(`7 (${comm}) S ${TAIL}\n`)).to.deep.equal({
        pid: 7,
        comm,
        state: 'S',
        parent: 1,
        cpu: 3,
        childrenCpu: 15,
        startTicks: 4711,
      });
    });
  reads('dnsmasq');
  reads('');
  reads('a b');
  reads(') R 9 (');
  reads('))((');
  reads('line\nfeed');
  reads('dnsmasq) Z 1 1');
  reads('\ufffd\ufffd');

  const refuses = (what: string, text: string) =>
    it(`has nothing for ${what}`, () => expect(parseProcessStat(text)).to.equal(undefined));
  refuses('an empty text', '');
  refuses('a text without parentheses', '7 dnsmasq S 1');
  refuses('parentheses the wrong way round', `7 )dnsmasq( S ${TAIL}`);
  refuses('too few fields', '7 (dnsmasq) S 1 7 7 0');
  refuses('a PID that is none', `x (dnsmasq) S ${TAIL}`);
  refuses('a state that is none', `7 (dnsmasq) 1 ${TAIL}`);
});

describe('parseChildren', () => {
  it('gives the PIDs', () => {
    expect(parseChildren('12 13 4194303 ')).to.deep.equal([12, 13, 4194303]);
    expect(parseChildren('')).to.deep.equal([]);
  });
});

describe('a process', () => {
  const real = createRoot('/');
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({ 'proc/7/stat': `7 (dnsmasq) S ${TAIL}\n`, 'proc/7/cmdline': 'dnsmasq\0-k\0\0', 'proc/stat': '' });
  });
  afterEach(() => tree.remove());
  const fake = () => createRoot(tree.path);

  it('is listed, in the order of the PIDs', () => {
    tree.write({ 'proc/10/stat': '', 'proc/9/stat': '', 'proc/0x1/stat': '', 'proc/self/stat': '' });
    expect(listProcesses(fake())).to.deep.equal([7, 9, 10]);
    expect(listProcesses(real)).to.include(process.pid);
  });

  it('is the same while its start time is, and it is no zombie', () => {
    const seen = readProcess(fake(), 7)!;
    expect(isStillThere(fake(), seen)).to.equal(true);
    tree.write({ 'proc/7/stat': `7 (dnsmasq) Z ${TAIL}\n` });
    expect(isStillThere(fake(), seen)).to.equal(false);
    tree.write({ 'proc/7/stat': `7 (dnsmasq) S ${TAIL.replace('4711', '4712')}\n` });
    expect(isStillThere(fake(), seen)).to.equal(false);
    tree.write({ 'proc/7': undefined });
    expect(isStillThere(fake(), seen)).to.equal(false);
  });

  it('tells its arguments, empty ones too', () => {
    expect(commandLine(fake(), 7)).to.deep.equal(['dnsmasq', '-k', '']);
    expect(commandLine(fake(), 8)).to.deep.equal([]);
  });

  it('tells its program, also when the file was replaced', () => {
    symlinkSync('/usr/sbin/dnsmasq (deleted)', join(tree.path, 'proc/7/exe'));
    expect(executable(fake(), 7)).to.equal('/usr/sbin/dnsmasq');
    expect(executable(real, process.pid)).to.equal(process.execPath);
  });

  it('tells its network namespace', () => {
    mkdirSync(join(tree.path, 'proc/7/ns'));
    symlinkSync('net:[4026531840]', join(tree.path, 'proc/7/ns/net'));
    expect(networkNamespace(fake(), 7)).to.equal(4026531840);
    expect(networkNamespace(fake(), 8)).to.equal(undefined);
    expect(networkNamespace(real, 'self')).to.equal(networkNamespace(real, process.pid)).and.to.be.above(0);
  });

  it('tells its sockets', async () => {
    const before = socketsOfProcess(real, process.pid)!.size;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    expect(socketsOfProcess(real, process.pid)!.size).to.equal(before + 1);
    server.close();
  });

  it('tells the memory it has', () => {
    expect(residentMemory(real, process.pid)).to.be.within(1e6, 1e11);
    expect(residentMemory(fake(), 7)).to.equal(undefined);
  });

  it('belongs to the container that any of its cgroups names', () => {
    const id = '0123456789abcdef'.repeat(4);
    tree.write({
      'proc/7/cgroup': `12:pids:/system.slice/kubelet.service\n3:cpu:/kubepods/pod${'0'.repeat(32)}/${id}\n`,
    });
    expect(ownerOfProcess(fake(), 7)).to.deep.equal({ pod_uid: '0'.repeat(32), container_id: id });
    tree.write({ 'proc/7/cgroup': '0::/system.slice/dnsmasq.service\n' });
    expect(ownerOfProcess(fake(), 7)).to.deep.equal({ unit: 'dnsmasq.service' });
    expect(ownerOfProcess(fake(), 8)).to.deep.equal({});
  });

  it('started some ticks after the boot', () => {
    const { startTicks } = readProcess(real, process.pid)!;
    const started = bootTime(real)! + startTicks / 100;
    expect(started).to.be.closeTo(Date.now() / 1000 - process.uptime(), 5);
    expect(bootTime(fake())).to.equal(undefined);
  });

  it('keeps its open files to itself: they say nothing when it has gone', async () => {
    const child = spawn('sleep', ['60']);
    const stat = real.open(`/proc/${child.pid}/stat`)!;
    const children = real.open(`/proc/${process.pid}/task/${process.pid}/children`)!;
    expect(stat.read()).to.include('(sleep)');
    expect(parseChildren(children.read()!)).to.include(child.pid);
    child.kill();
    await once(child, 'exit');
    expect(stat.read()).to.equal(undefined);
    expect(parseChildren(children.read()!)).not.to.include(child.pid);
    stat.close();
    children.close();
  });
});
