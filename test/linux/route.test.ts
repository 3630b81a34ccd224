import { expect } from 'chai';
import { createRoot, defaultRoutes, parseInterfaces, parseIpv4DefaultRoutes, parseIpv6DefaultRoutes } from '#linux';
import { random } from '../support/random.ts';
import { makeTree } from '../support/tree.ts';

const HEAD =
  'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                    \n';
const ZEROS = '0'.repeat(32);

describe('default routes', () => {
  const ipv4 = (line: string, want: string[]) =>
    it(`IPv4 ${JSON.stringify(line)}`, () => {
      expect(parseIpv4DefaultRoutes(`${HEAD}${line}\n`).map((one) => one.interface)).to.deep.equal(want);
    });
  ipv4('eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0', ['eth0']);
  // On the link, without a gateway.
  ipv4('wg0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0', ['wg0']);
  ipv4('eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0', []);
  // Half of all addresses, as VPNs route.
  ipv4('tun0\t00000000\t0100000A\t0003\t0\t0\t0\t00000080\t0\t0\t0', []);
  ipv4('*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0', []);
  ipv4('eth0\t00000000', []);
  ipv4('', []);

  const ipv6 = (line: string, want: string[]) =>
    it(`IPv6 ${JSON.stringify(line)}`, () => {
      expect(parseIpv6DefaultRoutes(`${line}\n`).map((one) => one.interface)).to.deep.equal(want);
    });
  const hop = `fe80${'0'.repeat(27)}1`;
  ipv6(`${ZEROS} 00 ${ZEROS} 00 ${hop} 00000400 00000001 00000000 00000003     eth0`, ['eth0']);
  // What every namespace has: the route that refuses.
  ipv6(`${ZEROS} 00 ${ZEROS} 00 ${ZEROS} ffffffff 00000001 00000000 00200200       lo`, []);
  ipv6(`fe80${'0'.repeat(28)} 40 ${ZEROS} 00 ${ZEROS} 00000100 00000001 00000000 00000001     eth0`, []);
  ipv6('', []);

  it('are those of a process, without IPv6 too', () => {
    const tree = makeTree({
      'proc/5/net/route': `${HEAD}eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`,
    });
    expect(defaultRoutes(createRoot(tree.path), 5)).to.deep.equal([{ family: 'ipv4', interface: 'eth0' }]);
    expect(defaultRoutes(createRoot(tree.path), 6)).to.equal(undefined);
    tree.remove();
  });

  it('survive noise', () => {
    const next = random(11);
    const line = `${HEAD}eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n${ZEROS} 00 ${ZEROS} 00 ${hop} 0 1 0 3 eth0\n`;
    for (let i = 0; i < 100_000; i++) {
      const at = Math.floor(next() * line.length);
      const noisy =
        line.slice(0, at) + String.fromCharCode(Math.floor(next() * 256)) + line.slice(at + Math.floor(next() * 9));
      for (const { interface: name } of [...parseIpv4DefaultRoutes(noisy), ...parseIpv6DefaultRoutes(noisy)]) {
        expect(name).to.be.a('string');
      }
    }
  });
});

describe('parseInterfaces', () => {
  it('gives the names, sorted', () => {
    const text = 'Inter-|   Receive |  Transmit\n face |bytes |bytes\n    lo: 1 0\n  eth0:1042 0\neth0:1: 5 0\n';
    expect(parseInterfaces(text)).to.deep.equal(['eth0', 'eth0:1', 'lo']);
    expect(parseInterfaces('')).to.deep.equal([]);
  });
});
