import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect } from 'chai';
import {
  createRoot,
  parseConntrackStat,
  parseProtocolCounters,
  parseSnmp6,
  parseTcpSockets,
  parseUdpSockets,
} from '#linux';

const root = createRoot('/');
const TCP_HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n';

const tcp = (local: string, remote = '00000000:0000', state = '0A', queues = '00000000:00000000') =>
  `   0: ${local} ${remote} ${state} ${queues} 00:00000000 00000000   101        0 224088 1 000000002d98c58c 100 0 0 10 5\n`;

describe('parseTcpSockets', () => {
  it('reads every field', () => {
    const text = TCP_HEADER + tcp('0100007F:0035', '0200000A:C350', '01', '0000000A:00000010');
    expect(parseTcpSockets(text)).to.deep.equal([
      {
        local: { address: '127.0.0.1', port: 53 },
        remote: { address: '10.0.0.2', port: 50000 },
        state: 'established',
        sendQueue: 10,
        receiveQueue: 16,
        uid: 101,
        inode: 224088,
      },
    ]);
  });

  const names = (number: string, state: string) =>
    it(`knows state ${number}`, () =>
      expect(parseTcpSockets(tcp('0100007F:0035', undefined, number))[0]?.state).to.equal(state));
  names('01', 'established');
  names('03', 'syn_recv');
  names('06', 'time_wait');
  names('08', 'close_wait');
  names('0A', 'listen');
  names('0B', 'closing');

  const writes = (hex: string, address: string) =>
    it(`writes ${address}`, () => expect(parseTcpSockets(tcp(`${hex}:0035`))[0]?.local.address).to.equal(address));
  writes('00000000000000000000000000000000', '::');
  writes('00000000000000000000000001000000', '::1');
  writes('0000000000000000FFFF00000100007F', '127.0.0.1');
  writes('B80D0120000000000000000001000000', '2001:db8::1');
  writes('000080FE00000000000000000000FF02', 'fe80::2ff:0');
  writes('B80D01200100000000000000000000EF', '2001:db8:0:1::ef00:0');
  writes('B80D0120020001000400030006000500', '2001:db8:1:2:3:4:5:6');
  writes('B80D0120020001000400030000000500', '2001:db8:1:2:3:4:5:0');
  writes('B80D0120000001000400030006000500', '2001:db8:1:0:3:4:5:6');

  it('gives what the ports ask for', () => {
    const text = TCP_HEADER + tcp('0100007F:0035') + tcp('0100007F:0036', '0100007F:0035') + tcp('0100007F:0037');
    expect(parseTcpSockets(text, (local) => local === 53)).to.have.length(1);
    expect(parseTcpSockets(text, (local, remote) => local === 53 || remote === 53)).to.have.length(2);
  });

  it('passes over lines of another shape', () => {
    const sound = tcp('0100007F:0035');
    for (const broken of ['', 'x', sound.slice(0, 40), sound.replace('0A', 'FF'), sound.replace('0035', '35')]) {
      expect(parseTcpSockets(`${broken}\n${sound}`), broken).to.have.length(1);
    }
  });

  it('finds the sockets of this process and the connections that wait', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');
    const found = parseTcpSockets(root.read('/proc/self/net/tcp')!, (local) => local === port);
    expect(found.map(({ state }) => state)).to.include.members(['listen', 'established']);
    expect(found[0]).to.deep.include({ state: 'listen', local: { address: '127.0.0.1', port } });
    client.destroy();
    server.close();
  });
});

describe('parseUdpSockets', () => {
  it('reads the drops and the queue of a real socket', async () => {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    const [found] = parseUdpSockets(root.read('/proc/self/net/udp')!, (local) => local === port);
    expect(found).to.deep.include({ local: { address: '127.0.0.1', port }, state: 'close', receiveQueue: 0, drops: 0 });
    socket.close();
  });

  it('reads the last column as drops', () => {
    const line =
      '  77: 0100007F:0035 00000000:0000 07 00000000:00000300 00:00000000 00000000     0        0 9401 2 00000000c08ff90c 196\n';
    expect(parseUdpSockets(line)[0]).to.deep.include({ receiveQueue: 768, drops: 196 });
  });
});

describe('parseProtocolCounters', () => {
  it('goes by the names of the columns', () => {
    const text = 'Tcp: MaxConn ActiveOpens\nTcp: -1 17\nUdp: InDatagrams RcvbufErrors\nUdp: 5 3\nUdpLite: A\n';
    expect(parseProtocolCounters(text)).to.deep.equal(
      new Map([
        [
          'Tcp',
          new Map([
            ['MaxConn', -1],
            ['ActiveOpens', 17],
          ]),
        ],
        [
          'Udp',
          new Map([
            ['InDatagrams', 5],
            ['RcvbufErrors', 3],
          ]),
        ],
      ]),
    );
  });

  it('gives no number where there is none', () => {
    expect(parseProtocolCounters('Udp: A B C\nUdp: 1 x\n').get('Udp')).to.deep.equal(new Map([['A', 1]]));
  });

  it("reads this machine's files", () => {
    expect(parseProtocolCounters(root.read('/proc/self/net/snmp')!).get('Udp')?.get('RcvbufErrors')).to.be.a('number');
    const netstat = parseProtocolCounters(root.read('/proc/self/net/netstat')!);
    expect(netstat.get('TcpExt')?.get('ListenOverflows')).to.be.a('number');
  });
});

describe('parseSnmp6', () => {
  it('reads name and number', () => {
    expect(parseSnmp6('Udp6InDatagrams                 \t7\nbroken\nUdp6NoPorts x\n')).to.deep.equal(
      new Map([['Udp6InDatagrams', 7]]),
    );
  });
});

describe('parseConntrackStat', () => {
  it('adds the CPUs up, but not the entries', () => {
    const text =
      'entries  clashres insert_failed drop\n0000000a  00000001 00000002 0000000f\n0000000a  00000001 00000000 00000001\n';
    expect(Object.fromEntries(parseConntrackStat(text))).to.deep.equal({
      entries: 10,
      clashres: 2,
      insert_failed: 2,
      drop: 16,
    });
  });

  it('has nothing for an empty text', () => {
    expect(parseConntrackStat('')).to.deep.equal(new Map());
  });
});
