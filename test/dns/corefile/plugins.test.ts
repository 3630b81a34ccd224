import { expect } from 'chai';
import {
  parseCorefile,
  readBind,
  readCache,
  readForwards,
  readUpstream,
  type ServerBlock,
  serverAddresses,
  stanzas,
} from '#dns';

const blockOf = (body: string): ServerBlock => parseCorefile(`. {\n${body}\n}`).blocks[0]!;

describe('serverAddresses', () => {
  const means = (key: string, ...want: string[]) =>
    it(`reads ${JSON.stringify(key)}`, () => {
      const got = serverAddresses(key).map(({ transport, zone, port }) => `${transport} ${zone} ${port}`);
      expect(got).to.deep.equal(want);
    });
  means('.', 'dns . 53');
  means('Example.ORG:5353', 'dns example.org. 5353');
  means('tls://example.org', 'tls example.org. 853');
  means('https://.:8443', 'https . 8443');
  means('10.0.0.0/8', 'dns 10.in-addr.arpa. 53');
  means('10.0.0.0/24:54', 'dns 0.0.10.in-addr.arpa. 54');
  means('10.128.0.0/10', ...Array.from({ length: 64 }, (_, i) => `dns ${128 + i}.10.in-addr.arpa. 53`));
  means('2001:db8::/32', 'dns 8.b.d.0.1.0.0.2.ip6.arpa. 53');
  means('::ffff:1.2.3.4/128', `dns 4.0.3.0.2.0.1.0.f.f.f.f.${'0.'.repeat(20)}ip6.arpa. 53`);
  means('10.0.0.0/33', 'dns 10.0.0.0/33. 53');
  means('a:');
  means('a'.repeat(256));
});

describe('readUpstream', () => {
  const means = (text: string, kind: string, host: string, port: string, more: Record<string, string> = {}) =>
    it(`reads ${text}`, () => {
      const { token: _, ...got } = readUpstream({ text, line: 1, column: 1, file: '' });
      expect(got).to.deep.equal({ to: text, transport: 'dns', kind, host, port, serverName: '', ...more });
    });
  means('1.2.3.4', 'address', '1.2.3.4', '53');
  means('1.2.3.4:5353', 'address', '1.2.3.4', '5353');
  means('dns://1.2.3.4', 'address', '1.2.3.4', '53');
  means('2001:db8::1', 'address', '2001:db8::1', '53');
  means('[2001:db8::1]', 'address', '2001:db8::1', '53');
  means('[2001:db8::1]:54', 'address', '2001:db8::1', '54');
  means('fe80::1%eth0', 'address', 'fe80::1%eth0', '53');
  means('tls://9.9.9.9', 'address', '9.9.9.9', '853', { transport: 'tls' });
  means('tls://9.9.9.9%dns.quad9.net', 'address', '9.9.9.9', '853', { transport: 'tls', serverName: 'dns.quad9.net' });
  means('tls://9.9.9.9%dns.quad9.net:8853', 'address', '9.9.9.9', '8853', {
    transport: 'tls',
    serverName: 'dns.quad9.net',
  });
  means('https://1.1.1.1', 'address', '1.1.1.1', '443', { transport: 'https' });
  means('/etc/resolv.conf', 'file', '/etc/resolv.conf', '');
  means('dns.example:53', 'name', 'dns.example', '53');
  means('999.1.1.1', 'name', '999.1.1.1', '53');
});

describe('readForwards', () => {
  it('gives every stanza, wherever it stands', () => {
    const forwards = readForwards(
      blockOf('forward a. 1.1.1.1\nlog\nforward . 2.2.2.2 3.3.3.3 {\n policy sequential\n}'),
    );
    expect(forwards.map(({ from, upstreams, policy }) => [from, upstreams.map(({ to }) => to), policy])).to.deep.equal([
      ['a.', ['1.1.1.1'], 'random'],
      ['.', ['2.2.2.2', '3.3.3.3'], 'sequential'],
    ]);
  });
  it('sees no forward in a comment', () => {
    expect(readForwards(blockOf('# forward . 4.4.4.4\nlog'))).to.deep.equal([]);
  });
  it('tells a value that CoreDNS refuses from one that is not given', () => {
    const [bad] = readForwards(blockOf('forward . 1.1.1.1 {\n expire soon\n max_fails -1\n max_concurrent\n}'));
    expect(bad).to.include({ expire: undefined, maxFails: undefined, maxConcurrent: undefined, readTimeout: 2000 });
  });
  it('takes the last of an option that is given twice, and all of except', () => {
    const [one] = readForwards(blockOf('forward . 1.1.1.1 {\n expire 1s\n except a b\n expire 2s\n except c\n}'));
    expect(one!.expire).to.equal(2000);
    expect(one!.except).to.deep.equal(['a', 'b', 'c']);
  });
  it('is empty-handed with a forward that lacks everything', () => {
    expect(readForwards(blockOf('forward'))[0]).to.deep.include({ from: '', upstreams: [] });
  });
});

describe('readBind', () => {
  it('gives all addresses without those excepted', () => {
    expect(readBind(blockOf('bind 1.1.1.1 eth0 ::1 {\n except ::1\n}\nlog\nbind 2.2.2.2 1.1.1.1'))).to.deep.equal([
      '1.1.1.1',
      'eth0',
      '2.2.2.2',
    ]);
  });
  it('is empty without bind', () => expect(readBind(blockOf('log'))).to.deep.equal([]));
});

describe('readCache', () => {
  it('is undefined without a cache', () => expect(readCache(blockOf('log'))).to.equal(undefined));
  it('tells a TTL from a zone', () => {
    expect(readCache(blockOf('cache 30 a b'))).to.deep.include({ zones: ['a', 'b'] });
    expect(readCache(blockOf('cache 30 a b'))!.denial.maxTtl).to.equal(30_000);
    expect(readCache(blockOf('cache a'))).to.deep.include({ zones: ['a'] });
    expect(readCache(blockOf('cache a'))!.denial.maxTtl).to.equal(1_800_000);
  });
  it('reads serve_stale with and without its values', () => {
    expect(readCache(blockOf('cache {\n serve_stale\n}'))!.serveStale).to.deep.equal({
      duration: 3_600_000,
      mode: 'immediate',
    });
    expect(readCache(blockOf('cache {\n serve_stale 10s VERIFY\n}'))!.serveStale).to.deep.equal({
      duration: 10_000,
      mode: 'verify',
    });
  });
  it('reads prefetch', () => {
    expect(readCache(blockOf('cache {\n prefetch 5\n}'))!.prefetch).to.deep.equal({
      amount: 5,
      duration: 60_000,
      percentage: 10,
    });
  });
});

describe('stanzas', () => {
  it('keeps the lines of a body, and bodies of bodies', () => {
    const [x] = stanzas(blockOf('x 1 {\n a b\n c {\n d\n }\n}').directives.get('x'));
    expect(x!.body.map(({ name, args, body }) => [name.text, args.length, body.length])).to.deep.equal([
      ['a', 1, 0],
      ['c', 0, 1],
    ]);
  });
  it('reads a body of any depth without an end to the stack', () => {
    const [x] = stanzas(blockOf(`x ${'{ y '.repeat(20_000)}${'} '.repeat(20_000)}`).directives.get('x'));
    expect(x!.body).to.have.length(1);
  });
});
