import { expect } from 'chai';
import * as packet from 'dns-packet';
import {
  candidates,
  type Exchange,
  makeQuery,
  parseMessage,
  type Resolution,
  resolveAsLibc,
  type StubOptions,
  typeName,
} from '#dns';

const POD = { search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'], ndots: 5 };
const CONF = {
  ...POD,
  timeout: 5,
  attempts: 2,
  useVc: false,
  noAaaa: false,
  singleRequest: false,
  singleRequestReopen: false,
};
const SERVERS = [{ address: '10.0.0.10', port: 53 }];

describe('candidates', () => {
  const tries = (name: string, conf: typeof POD, ...want: string[]) =>
    it(`of ${name} with ndots ${conf.ndots} are ${want.join(' ')}`, () =>
      expect(candidates(name, conf)).to.deep.equal(want));
  tries('db', POD, 'db.shop.svc.cluster.local.', 'db.svc.cluster.local.', 'db.cluster.local.', 'db.');
  tries(
    'a.example.com',
    POD,
    'a.example.com.shop.svc.cluster.local.',
    'a.example.com.svc.cluster.local.',
    'a.example.com.cluster.local.',
    'a.example.com.',
  );
  tries('a.example.com.', POD, 'a.example.com.');
  tries('a.b', { search: ['x'], ndots: 1 }, 'a.b.', 'a.b.x.');
  tries('a', { search: ['x.'], ndots: 1 }, 'a.x.', 'a.');
  tries('a', { search: [], ndots: 1 }, 'a.');
  tries('a', { search: ['x', '.'], ndots: 1 }, 'a.x.', 'a.');
  tries('a', { search: ['x'], ndots: 0 }, 'a.', 'a.x.');
});

type Told = 'silent' | 'truncated' | { rcode?: number; addresses?: number };

/** A resolver over servers that answer as `tell` says. */
function resolver(
  tell: (name: string, type: string, server: string) => Told,
  changes: Partial<StubOptions['conf']> = {},
  servers = SERVERS,
) {
  const calls: string[] = [];
  const timeouts: number[] = [];
  const options: StubOptions = {
    conf: { ...CONF, ...changes },
    servers,
    async ask(server, questions, protocol, timeout) {
      calls.push(
        `${protocol} ${server.address} ${questions.map(({ name, type }) => `${name} ${typeName(type)}`).join(' + ')}`,
      );
      timeouts.push(timeout);
      return questions.map(({ name, type }) => exchange(name, type, tell(name, typeName(type), server.address)));
    },
  };
  return { calls, timeouts, resolve: (name: string): Promise<Resolution> => resolveAsLibc(name, options) };
}

function exchange(name: string, type: number, told: Told): Exchange {
  const query = makeQuery(name, type, {});
  const base = { query, sent: told === 'truncated' ? 2 : 1, truncated: told === 'truncated' };
  if (told === 'silent') return { ...base, outcome: { kind: 'timeout', phase: 'answer', protocol: 'udp', seconds: 5 } };
  const { rcode = 0, addresses = 0 } = told === 'truncated' ? { addresses: 1 } : told;
  const bare = name.replace(/\.$/, '');
  const answers = Array.from({ length: addresses }, () =>
    type === 1
      ? { type: 'A' as const, name: bare, data: '10.0.0.1' }
      : { type: 'AAAA' as const, name: bare, data: '::1' },
  );
  const bytes = packet.encode({
    type: 'response',
    id: query.id,
    flags: rcode,
    questions: [{ name: bare, type: type === 1 ? 'A' : 'AAAA' }],
    answers,
  });
  return { ...base, outcome: { kind: 'answer', message: parseMessage(bytes), protocol: 'udp', seconds: 0.001 } };
}

const NX = { rcode: 3 };
const FOUND = { addresses: 1 };
const onlyAt =
  (wanted: string) =>
  (name: string, type: string): Told =>
    name !== wanted ? NX : type === 'A' ? FOUND : {};

describe('resolveAsLibc', () => {
  it('asks eight queries for one external name in a pod', async () => {
    const { resolve, calls } = resolver(onlyAt('api.example.com.'));
    expect(await resolve('api.example.com')).to.include({
      status: 'found',
      name: 'api.example.com.',
      queries: 8,
      names: 4,
    });
    expect(calls[0]).to.equal(
      'udp 10.0.0.10 api.example.com.shop.svc.cluster.local. A + api.example.com.shop.svc.cluster.local. AAAA',
    );
  });

  it('adds up what was waited: for what is asked at once only the longest', async () => {
    expect((await resolver(onlyAt('x.')).resolve('x')).seconds).to.be.closeTo(0.004, 1e-9);
    expect((await resolver(onlyAt('x.'), { singleRequest: true }).resolve('x')).seconds).to.be.closeTo(0.008, 1e-9);
    expect((await resolver(() => 'silent').resolve('x.')).seconds).to.equal(10);
  });

  it('asks two for the same name with a dot behind it', async () => {
    expect(await resolver(onlyAt('api.example.com.')).resolve('api.example.com.')).to.include({
      status: 'found',
      queries: 2,
      names: 1,
    });
  });

  const ends = (status: string, what: string, tell: Parameters<typeof resolver>[0], more: Partial<Resolution>) =>
    it(`says ${status} when ${what}`, async () =>
      expect(await resolver(tell).resolve('x')).to.include({ status, ...more }));
  ends('nxdomain', 'no name exists', () => NX, { names: 4, queries: 8 });
  ends('nodata', 'a name exists, without addresses', (name) => (name === 'x.svc.cluster.local.' ? {} : NX), {
    names: 4,
  });
  ends('servfail', 'servers say that they cannot tell', () => ({ rcode: 2 }), { names: 4, queries: 16 });
  ends('failed', 'nobody answers, and searches no further', () => 'silent', { names: 1, queries: 4 });

  it('goes on searching when a name with enough dots got no answer as it is', async () => {
    const { resolve } = resolver((name) => (name === 'a.b.' ? 'silent' : FOUND), { ndots: 1 });
    expect(await resolve('a.b')).to.include({ status: 'found', name: 'a.b.shop.svc.cluster.local.' });
  });

  it('asks the next server when one refuses or is silent, with its share of the time', async () => {
    const servers = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => ({ address, port: 53 }));
    const tell = (_name: string, _type: string, server: string): Told =>
      server === '10.0.0.1' ? 'silent' : server === '10.0.0.2' ? { rcode: 5 } : FOUND;
    const { resolve, timeouts } = resolver(tell, {}, servers);
    expect(await resolve('x.')).to.include({ status: 'found', queries: 6 });
    expect(timeouts).to.deep.equal([5000, 3000, 6000]);
  });

  it('asks again when one of the two answers is missing', async () => {
    let asked = 0;
    const { resolve } = resolver((_name, type) => (type === 'AAAA' && asked++ === 0 ? 'silent' : FOUND));
    expect(await resolve('x.')).to.include({ status: 'found', queries: 4 });
  });

  it('counts the queries by TCP that truncated answers cost', async () => {
    expect(await resolver(() => 'truncated').resolve('x.')).to.include({ status: 'found', queries: 4 });
  });

  const asks = (what: string, conf: Partial<StubOptions['conf']>, ...want: string[]) =>
    it(`asks ${what}`, async () => {
      const { resolve, calls } = resolver(() => FOUND, conf);
      await resolve('x.');
      expect(calls).to.deep.equal(want);
    });
  asks(
    'one after the other with single-request',
    { singleRequest: true },
    'udp 10.0.0.10 x. A',
    'udp 10.0.0.10 x. AAAA',
  );
  asks('by TCP with use-vc', { useVc: true }, 'tcp 10.0.0.10 x. A', 'tcp 10.0.0.10 x. AAAA');
  asks('for A alone with no-aaaa', { noAaaa: true }, 'udp 10.0.0.10 x. A');
});
