import { expect } from 'chai';
import { parseResolvConf } from '#dns';

const DEFAULTS = { nameservers: ['127.0.0.1'], search: [], ndots: 1, timeout: 5, attempts: 2 };

describe('parseResolvConf', () => {
  const reads = (what: string, text: string, want: Record<string, unknown>) =>
    it(`reads ${what}`, () => {
      const got = parseResolvConf(text);
      expect(got).to.deep.include({ ...DEFAULTS, ...want });
    });

  reads('an empty file as one that asks 127.0.0.1', '', {});
  reads(
    'what kubelet writes',
    'search a.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
    {
      nameservers: ['10.96.0.10'],
      search: ['a.svc.cluster.local', 'svc.cluster.local'],
      ndots: 5,
      ignored: [],
    },
  );
  reads('three servers and no more', 'nameserver 1.1.1.1\nnameserver ::1\nnameserver 3.3.3.3\nnameserver 4.4.4.4', {
    nameservers: ['1.1.1.1', '::1', '3.3.3.3'],
    allNameservers: ['1.1.1.1', '::1', '3.3.3.3', '4.4.4.4'],
    ignored: [{ line: 4, text: 'nameserver 4.4.4.4', why: 'only the first 3 nameservers are asked' }],
  });
  reads('an address with a zone', 'nameserver fe80::1%eth0', { nameservers: ['fe80::1%eth0'] });
  reads('no server where there is no address', 'nameserver dns.example\nnameserver 10.0.0.1', {
    nameservers: ['10.0.0.1'],
    ignored: [{ line: 1, text: 'nameserver dns.example', why: 'dns.example is no address' }],
  });
  reads('an address up to a comment sign', 'nameserver 10.0.0.1#old\nnameserver 10.0.0.2 ; new', {
    nameservers: ['10.0.0.1', '10.0.0.2'],
  });
  reads('the last of domain and search', 'search a b\ndomain c d', { search: ['c'] });
  reads('the last of search and domain', 'domain c\nsearch a  b\t.', { search: ['a', 'b', '.'] });
  reads('more search domains than old libraries took', `search ${'a '.repeat(40)}`, { search: Array(40).fill('a') });
  reads('comments in the first column only', '# nameserver 1.1.1.1\n; x\n nameserver 2.2.2.2', {
    ignored: [{ line: 3, text: ' nameserver 2.2.2.2', why: 'a keyword must stand in the first column' }],
  });
  reads('lines that end in a carriage return', 'nameserver 10.0.0.1\r\nsearch a\r\n', {
    nameservers: ['10.0.0.1'],
    search: ['a'],
  });
  reads('numbers up to their limits', 'options ndots:99 timeout:99 attempts:99', {
    ndots: 15,
    timeout: 30,
    attempts: 5,
  });
  reads('numbers as atoi does', 'options ndots:x timeout:3s attempts:-1', { ndots: 0, timeout: 3, attempts: 0 });
  reads('flags', 'options rotate single-request use-vc edns0 trust-ad no-aaaa single-request-reopen', {
    rotate: true,
    singleRequest: true,
    singleRequestReopen: true,
    useVc: true,
    edns0: true,
    trustAd: true,
    noAaaa: true,
  });
  reads('the last word on an option', 'options ndots:5\noptions ndots:2 no-reload', {
    ndots: 2,
    options: ['ndots:5', 'ndots:2', 'no-reload'],
  });

  const passesOver = (line: string, why: string) =>
    it(`passes over ${JSON.stringify(line)}`, () => {
      expect(parseResolvConf(line).ignored).to.deep.equal([{ line: 1, text: line, why }]);
    });
  passesOver('Nameserver 10.0.0.1', 'is no keyword with a value');
  passesOver('nameserver', 'is no keyword with a value');
  passesOver('nameservers 10.0.0.1', 'nameservers is no keyword');
  passesOver('options ndot:2 rotat', 'no options of glibc: ndot:2 rotat');

  it("takes the host's own domain when the file names none", () => {
    expect(parseResolvConf('', 'node1.corp.example').search).to.deep.equal(['corp.example']);
    expect(parseResolvConf('search a', 'node1.corp.example').search).to.deep.equal(['a']);
    expect(parseResolvConf('', 'node1').search).to.deep.equal([]);
  });
});
