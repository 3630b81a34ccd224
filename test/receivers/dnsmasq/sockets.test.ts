import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createRoot } from '#linux';
import { addressToAsk, readPort } from '../../../receivers/dnsmasq/sockets.ts';
import { makeTree, type Tree } from '../../support/tree.ts';
import { tcpLine, udpLine } from './tables.ts';

describe("the sockets of dnsmasq's port", () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({
      'proc/7/net/tcp':
        tcpLine('0100007F:0035', 'listen', { inode: 1, queue: 3 }) +
        tcpLine('3500007F:0035', 'listen', { inode: 9, queue: 5 }) +
        tcpLine('0100007F:0035', 'established') +
        tcpLine('0100007F:0035', 'time_wait') +
        tcpLine('3500007F:0035', 'established') +
        tcpLine('0100007F:9999', 'established'),
      'proc/7/net/udp':
        udpLine('0100007F:0035', { inode: 2, queue: 256, drops: 4 }) +
        udpLine('3500007F:0035', { inode: 10, drops: 7 }),
      'proc/7/net/udp6': udpLine('00000000000000000000000001000000:0035', { inode: 3, drops: 1 }),
    });
  });
  afterEach(() => tree.remove());
  const read = () => readPort(createRoot(tree.path), 7, 53);
  const own = (...inodes: number[]) => {
    mkdirSync(join(tree.path, 'proc/7/fd'));
    for (const inode of inodes) symlinkSync(`socket:[${inode}]`, join(tree.path, `proc/7/fd/${inode}`));
  };

  it('are those that the process has open', () => {
    own(1, 2, 3);
    const { listeners, datagrams, connections } = read();
    expect(listeners).to.deep.equal(new Map([['127.0.0.1:53', 3]]));
    expect([...datagrams].map(([name, { queue, drops }]) => [name, queue, drops])).to.deep.equal([
      ['127.0.0.1:53', 256, 4],
      ['[::1]:53', 0, 1],
    ]);
    expect(connections).to.deep.equal(
      new Map([
        ['established', 1],
        ['time_wait', 1],
      ]),
    );
  });

  it('of any address take every connection', () => {
    tree.write({
      'proc/7/net/tcp': tcpLine('00000000:0035', 'listen', { inode: 1 }) + tcpLine('0200000A:0035', 'syn_recv'),
      'proc/7/net/tcp6': tcpLine('B80D0120000000000000000001000000:0035', 'established'),
    });
    own(1);
    expect(read().connections).to.deep.equal(new Map([['syn_recv', 1]]));
  });

  it('add up where several have one address', () => {
    tree.write({
      'proc/7/net/udp':
        udpLine('0100007F:0035', { inode: 2, drops: 4 }) + udpLine('0100007F:0035', { inode: 3, drops: 5 }),
    });
    own(2, 3);
    expect(read().datagrams.get('127.0.0.1:53')?.drops).to.equal(9);
  });

  it('are none where the process has gone', () => {
    tree.write({ 'proc/7': undefined });
    const { listeners, datagrams, connections } = read();
    expect([listeners.size, datagrams.size, connections.size]).to.deep.equal([0, 0, 0]);
  });

  it('tell where to ask: IPv4 first, any address as loopback', () => {
    own(1, 2, 3);
    expect(addressToAsk(read())).to.deep.equal({ address: '127.0.0.1', port: 53 });
    const bound = (udp: string, udp6 = '') => {
      tree.write({ 'proc/7/net/udp': udp, 'proc/7/net/udp6': udp6 });
      return addressToAsk(read());
    };
    expect(bound(udpLine('00000000:0035', { inode: 2 }))).to.deep.equal({ address: '127.0.0.1', port: 53 });
    expect(bound('', udpLine('00000000000000000000000000000000:0035', { inode: 2 }))).to.deep.equal({
      address: '::1',
      port: 53,
    });
    expect(bound('')).to.equal(undefined);
  });
});
