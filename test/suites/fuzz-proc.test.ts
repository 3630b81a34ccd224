import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  type Endpoint,
  parseChildren,
  parseConntrackStat,
  parseMountinfo,
  parseProcCgroup,
  parseProcessStat,
  parseProtocolCounters,
  parseSnmp6,
  parseTcpSockets,
  parseUdpSockets,
  type Socket,
} from '#linux';
import { readOptions } from '../../receivers/dnsmasq/options.ts';
import { cpuTime } from '../support/cpu.ts';
import { mutate } from '../support/pages.ts';
import { random } from '../support/random.ts';
import { suite } from '../support/suites.ts';

const MUTATIONS = 100_000;
const LONGEST = 2000;

const here = (file: string) => readFileSync(`/proc/self/${file}`);
const recorded = readFileSync(suite('proc-cgroup').path('cadvisor-libcontainer', 'procnetudp'));

const isCount = (value: number) => Number.isFinite(value) && value >= 0;
const isEndpoint = ({ address, port }: Endpoint) => /^[0-9a-f:.]+$/.test(address) && port >= 0 && port <= 65535;
const isSocket = ({ local, remote, state, receiveQueue, sendQueue, inode, uid }: Socket) =>
  isEndpoint(local) &&
  isEndpoint(remote) &&
  state !== undefined &&
  [receiveQueue, sendQueue, inode, uid].every(isCount);

/** Each parser gives true when it made something of a text, and what it made is sound; false when it made nothing. */
const parsers: [name: string, seeds: Buffer[], run: (text: string) => boolean | 'unsound'][] = [
  [
    'stat',
    [here('stat'), Buffer.from(`7 (a) R 1 (b)) S ${'1 '.repeat(48)}\n`)],
    (text) => {
      const stat = parseProcessStat(text);
      return stat
        ? [stat.pid, stat.parent, stat.cpu, stat.childrenCpu, stat.startTicks].every(isCount) || 'unsound'
        : false;
    },
  ],
  ['tcp', [here('net/tcp'), here('net/tcp6')], (text) => sound(parseTcpSockets(text), isSocket)],
  [
    'udp',
    [here('net/udp'), here('net/udp6'), recorded],
    (text) => sound(parseUdpSockets(text), (one) => isSocket(one) && isCount(one.drops)),
  ],
  [
    'snmp and netstat',
    [here('net/snmp'), here('net/netstat')],
    (text) =>
      sound(
        [...parseProtocolCounters(text).values()].flatMap((one) => [...one.values()]),
        Number.isFinite,
      ),
  ],
  ['snmp6', [here('net/snmp6')], (text) => sound([...parseSnmp6(text).values()], isCount)],
  [
    'stat/nf_conntrack',
    [Buffer.from('entries  found new drop early_drop\n0000000a  00000001 00000002 0000000f ffffffff\n'.repeat(2))],
    (text) => sound([...parseConntrackStat(text).values()], isCount),
  ],
  [
    'mountinfo',
    [here('mountinfo')],
    (text) => sound(parseMountinfo(text), ({ version }) => version === 1 || version === 2),
  ],
  [
    'cgroup',
    [Buffer.from(`12:cpu,cpuacct:/kubepods/pod${'0'.repeat(32)}/${'a'.repeat(64)}\n0::/system.slice/a:b.service\n`)],
    (text) => sound([...parseProcCgroup(text).values()], (path) => path.startsWith('/')),
  ],
  ['children', [Buffer.from('12 13 14 4194303 ')], (text) => sound(parseChildren(text), Number.isSafeInteger)],
  [
    "dnsmasq's configuration",
    [
      Buffer.from(
        'port=5353 # p\nconf-dir=/d,*.conf,.bak\nconf-file=/e\nmax-tcp-connections="30"\nserver=/a/10.0.0.1\n',
      ),
    ],
    (text) => {
      const { maxTcpConnections, port } = readOptions(['dnsmasq', ...text.split(' ')], {
        read: () => text,
        list: () => ['a'],
      });
      return (maxTcpConnections > 0 && isCount(port)) || 'unsound';
    },
  ],
];

function sound<T>(made: readonly T[], isSound: (one: T) => boolean): boolean | 'unsound' {
  return made.every(isSound) ? made.length > 0 : 'unsound';
}

describe('the parsers of /proc under fuzz', () => {
  for (const [name, seeds, run] of parsers) {
    it(`${name}: ${MUTATIONS} mutated files give sound numbers or none`, function () {
      this.timeout(300_000);
      const rnd = random(2026);
      const starts = seeds.map((seed) => seed.subarray(0, LONGEST));
      let made = 0;
      let slowest = 0;
      let bytes: Buffer = starts[0]!;
      for (let i = 0; i < MUTATIONS; i++) {
        const isFresh = i % 5 === 0 || bytes.length > 2 * LONGEST;
        bytes = mutate(rnd, isFresh ? starts[Math.floor(rnd() * starts.length)]! : bytes);
        const text = bytes.toString('utf8');
        const began = cpuTime();
        const result = run(text);
        slowest = Math.max(slowest, cpuTime() - began);
        if (result === 'unsound') expect.fail(`unsound: ${JSON.stringify(text)}`);
        if (result) made++;
      }
      expect(made).to.be.above(MUTATIONS / 10);
      expect(slowest).to.be.below(1000);
    });
  }
});
