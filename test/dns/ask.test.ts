import type { Socket } from 'node:net';
import { expect } from 'chai';
import * as packet from 'dns-packet';
import {
  type AskOptions,
  ask,
  askAtOnce,
  type Exchange,
  type ExchangeOptions,
  frameReader,
  type Ignored,
  ownSockets,
} from '#dns';
import { FakeClock, settle } from '../support/clock.ts';
import {
  type Answerer,
  type Asked,
  a,
  closeDnsServers,
  type DnsServer,
  dnsServer,
  frame,
  healthy,
  NXDOMAIN,
  respond,
  SERVFAIL,
} from '../support/dns-server.ts';
import { until } from '../support/servers.ts';

const never = new AbortController().signal;
const A = 1;

interface Setup {
  clock: FakeClock;
  ignored: Ignored[];
  ask(options?: Partial<ExchangeOptions>, signal?: AbortSignal): Promise<Exchange>;
}

function setup(port: number): Setup {
  const clock = new FakeClock();
  const ignored: Ignored[] = [];
  const base = { protocol: 'udp', timeout: 5000, clock, onIgnored: (why: Ignored) => ignored.push(why) } as const;
  const server = { address: '127.0.0.1', port };
  return {
    clock,
    ignored,
    ask: (options, signal = never) => ask(ownSockets, server, 'a.test', A, { ...base, ...options }, signal),
  };
}

const outcome = async (exchange: Promise<Exchange>) => (await exchange).outcome;
const rcode = async (exchange: Promise<Exchange>) => {
  const got = await outcome(exchange);
  return got.kind === 'answer' ? got.message.rcodeName : got;
};

async function opened(
  answer: Answerer,
  options?: Parameters<typeof dnsServer>[1],
): Promise<Setup & { server: DnsServer }> {
  const server = await dnsServer(answer, options);
  return { ...setup(server.port), server };
}

describe('asking by UDP', () => {
  afterEach(closeDnsServers);

  it('gives the answer to the question', async () => {
    const { ask, ignored, server } = await opened(healthy);
    const { outcome, sent, truncated } = await ask({ udpSize: 1232 });
    expect(outcome).to.deep.include({ kind: 'answer', protocol: 'udp' });
    expect({ sent, truncated, ignored }).to.deep.equal({ sent: 1, truncated: false, ignored: [] });
    expect(server.asked[0]).to.include({ name: 'a.test', type: 'A' });
  });

  it('takes a new port and id for each question', async () => {
    const { ask, server } = await opened(healthy);
    for (let i = 0; i < 20; i++) await ask();
    expect(new Set(server.asked.map(({ port }) => port)).size).to.be.above(15);
    expect(new Set(server.asked.map(({ query }) => query.id)).size).to.be.above(17);
  });

  it('finds the right answer behind 10,000 wrong ones, and counts those', async function () {
    this.timeout(20_000);
    const { ask, ignored } = await opened(async (asked, server) => {
      for (let i = 0; i < 10_000; i++) {
        await server.sendAgain(
          respond(asked, { id: (asked.query.id! + 1 + (i % 65_000)) & 0xffff, answers: [a('a.test', '6.6.6.6')] }),
        );
        // Few enough for one turn of the client: what its socket's buffer cannot hold is lost.
        if (i % 20 === 19) await new Promise(setImmediate);
      }
      return healthy(asked, server);
    });
    expect(await rcode(ask())).to.equal('NOERROR');
    expect(ignored).to.have.length(10_000);
    expect(new Set(ignored)).to.deep.equal(new Set(['wrong_id']));
  });

  const ignores = (
    why: Ignored,
    what: string,
    wrong: (asked: Asked) => Uint8Array,
    options: Partial<AskOptions> = {},
  ) =>
    it(`ignores ${what}, and waits on`, async () => {
      const { ask, ignored } = await opened((asked) => [wrong(asked), respond(asked, { rcode: NXDOMAIN })]);
      expect(await rcode(ask(options))).to.equal('NXDOMAIN');
      expect(ignored).to.deep.equal([why]);
    });
  ignores('wrong_question', 'an answer about another name', (asked) =>
    respond(asked, { questions: [{ name: 'b.test', type: 'A' }] }),
  );
  ignores('wrong_question', 'an answer about another type', (asked) =>
    respond(asked, { questions: [{ name: 'a.test', type: 'AAAA' }] }),
  );
  ignores('wrong_question', 'an answer about another class', (asked) =>
    respond(asked, { questions: [{ name: 'a.test', type: 'A', class: 'CH' }] }),
  );
  ignores('wrong_question', 'an answer with two questions', (asked) =>
    respond(asked, {
      questions: [
        { name: 'a.test', type: 'A' },
        { name: 'a.test', type: 'A' },
      ],
    }),
  );
  ignores('wrong_question', 'a good answer without its question', (asked) => respond(asked, { questions: [] }));
  ignores('not_a_response', 'its own question sent back', (asked) => asked.bytes);
  ignores('malformed', 'one byte', () => Buffer.alloc(1));
  ignores('malformed', 'an empty datagram', () => Buffer.alloc(0));
  ignores('malformed', 'a header and nothing else that should be there', (asked) => respond(asked).subarray(0, 12));
  ignores('malformed', 'counts that lie', (asked) => {
    const bytes = respond(asked);
    bytes.writeUInt16BE(9999, 6);
    return bytes;
  });
  ignores('malformed', 'a pointer loop in an answer', (asked) => {
    const bytes = respond(asked, { answers: [{ type: 'CNAME', name: 'a.test', data: 'bb' }] });
    bytes.writeUInt16BE(0xc000 | (bytes.length - 4), bytes.length - 4);
    bytes.writeUInt16BE(2, bytes.length - 6);
    return bytes.subarray(0, bytes.length - 2);
  });
  ignores('malformed', 'an address of three bytes', (asked) => {
    const bytes = respond(asked, { answers: [a('a.test')] });
    bytes.writeUInt16BE(3, bytes.length - 6);
    return bytes.subarray(0, bytes.length - 1);
  });
  ignores(
    'wrong_case',
    'a question in another case',
    (asked) => respond(asked, { questions: [{ name: swapCase(asked.name), type: 'A' }] }),
    { randomizeCase: true },
  );
  ignores('wrong_id', 'a wrong id', (asked) => respond(asked, { id: asked.query.id! ^ 1 }));

  it('takes an error without the question from a server that could not read it', async () => {
    const { ask } = await opened((asked) => respond(asked, { rcode: 1, questions: [] }));
    expect(await rcode(ask())).to.equal('FORMERR');
  });

  it('accepts any case when it did not make it random', async () => {
    const { ask } = await opened((asked) => respond(asked, { questions: [{ name: 'A.TesT', type: 'A' }] }));
    expect(await rcode(ask())).to.equal('NOERROR');
  });

  it('says that the time for the answer is over', async () => {
    const { ask, clock, server } = await opened(() => undefined);
    const asking = outcome(ask({ timeout: 700 }));
    await until(() => server.asked.length === 1);
    await clock.advance(699);
    await clock.advance(1);
    expect(await asking).to.deep.equal({ kind: 'timeout', phase: 'answer', protocol: 'udp', seconds: 0.7 });
    expect(clock.pending).to.equal(0);
  });

  it('says at once that nobody listens', async () => {
    const { server, ask, clock } = await opened(healthy);
    await server.close();
    expect(await outcome(ask())).to.include({ kind: 'error', reason: 'refused' });
    expect(clock.pending).to.equal(0);
  });

  it('says that there is no socket', async () => {
    const none = { udp: () => Promise.reject(new Error('no')), tcp: () => Promise.reject(new Error('no')) };
    const options = { protocol: 'udp', timeout: 1, clock: new FakeClock() } as const;
    for (const protocol of ['udp', 'tcp'] as const) {
      const { outcome } = await ask(none, { address: '127.0.0.1', port: 53 }, 'a', A, { ...options, protocol }, never);
      expect(outcome).to.include({ kind: 'error', reason: 'socket', protocol });
    }
  });

  it('ends when it is aborted', async () => {
    const { ask, clock, server } = await opened(() => undefined);
    const ending = new AbortController();
    const asking = ask({}, ending.signal);
    await until(() => server.asked.length === 1);
    ending.abort(new Error('enough'));
    expect(await asking.catch((error: Error) => error.message)).to.equal('enough');
    expect(clock.pending).to.equal(0);
  });

  it('tells late and duplicate answers of a channel that listens on', async () => {
    let reply: Buffer = Buffer.alloc(0);
    const { ask, clock, server, ignored } = await opened((asked) => {
      reply = respond(asked);
      return ignored.length ? [reply, reply] : undefined;
    });
    const channels: { close(): void }[] = [];
    const onChannel = (channel: { close(): void }) => channels.push(channel);
    const asking = outcome(ask({ onChannel }));
    await until(() => server.asked.length === 1);
    await clock.advance(5000);
    expect(await asking).to.include({ kind: 'timeout' });
    await server.sendAgain(reply);
    await until(() => ignored.length === 1);
    expect(await rcode(ask({ onChannel }))).to.equal('NOERROR');
    await until(() => ignored.length === 2);
    expect(ignored).to.deep.equal(['late', 'duplicate']);
    for (const channel of channels) channel.close();
  });

  it('asks several questions at once from one port', async () => {
    const server = await dnsServer((asked) =>
      asked.type === 'AAAA' ? respond(asked, { rcode: SERVFAIL }) : healthy(asked, server),
    );
    const options = { protocol: 'udp', timeout: 5000, clock: new FakeClock() } as const;
    const questions = [
      { name: 'a.test', type: A },
      { name: 'a.test', type: 28 },
    ];
    const got = await askAtOnce(ownSockets, { address: '127.0.0.1', port: server.port }, questions, options, never);
    expect(await Promise.all(got.map((one) => rcode(Promise.resolve(one))))).to.deep.equal(['NOERROR', 'SERVFAIL']);
    expect(new Set(server.asked.map(({ port }) => port)).size).to.equal(1);
  });
});

describe('truncated answers', () => {
  afterEach(closeDnsServers);
  const truncating: Answerer = (asked, server) =>
    asked.protocol === 'udp' ? respond(asked, { flags: packet.TRUNCATED_RESPONSE }) : healthy(asked, server);

  it('are asked for again by TCP', async () => {
    const { ask, server } = await opened(truncating);
    const { outcome, sent, truncated } = await ask({ tcpOnTruncation: true });
    expect(outcome).to.include({ kind: 'answer', protocol: 'tcp' });
    expect({ sent, truncated }).to.deep.equal({ sent: 2, truncated: true });
    await until(() => server.open === 0);
  });

  it('are the answer when TCP is not wanted', async () => {
    const { ask } = await opened(truncating);
    const { outcome, sent, truncated } = await ask();
    expect(outcome).to.include({ kind: 'answer', protocol: 'udp' });
    expect({ sent, truncated }).to.deep.equal({ sent: 1, truncated: true });
  });

  it('may be cut within a record', async () => {
    const { ask } = await opened((asked) => {
      const whole = respond(asked, { flags: packet.TRUNCATED_RESPONSE, answers: [a('a.test')] });
      return whole.subarray(0, whole.length - 3);
    });
    expect(await ask()).to.include({ truncated: true });
  });

  it('wait for their turn at TCP, and give it back', async () => {
    const { ask } = await opened(truncating);
    const turns: string[] = [];
    const enterTcp = async () => {
      turns.push('in');
      return () => turns.push('out');
    };
    await ask({ tcpOnTruncation: true, enterTcp });
    expect(turns).to.deep.equal(['in', 'out']);
  });
});

describe('asking by TCP', () => {
  afterEach(closeDnsServers);
  const raw = (handle: (socket: Socket, query: Buffer) => void) =>
    opened(healthy, { raw: (socket) => socket.once('data', (chunk: Buffer) => handle(socket, chunk.subarray(2))) });
  const reply = (query: Buffer, shape = {}) => frame(respond({ query: packet.decode(query) } as Asked, shape));

  it('gives the answer, and closes at once', async () => {
    const { ask, server } = await opened(healthy);
    expect(await outcome(ask({ protocol: 'tcp' }))).to.deep.include({ kind: 'answer', protocol: 'tcp' });
    await until(() => server.open === 0);
    expect(server.asked[0]).to.include({ protocol: 'tcp', name: 'a.test' });
  });

  it('puts together an answer that drips in', async () => {
    const { ask } = await raw(async (socket, query) => {
      for (const byte of reply(query)) {
        socket.write(Uint8Array.of(byte));
        await new Promise(setImmediate);
      }
    });
    expect(await rcode(ask({ protocol: 'tcp' }))).to.equal('NOERROR');
  });

  it('ignores what is no answer before the one that is', async () => {
    const { ask, ignored } = await raw((socket, query) => {
      const id = query.readUInt16BE(0) ^ 1;
      socket.write(Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.alloc(5)), reply(query, { id }), reply(query)]));
    });
    expect(await rcode(ask({ protocol: 'tcp' }))).to.equal('NOERROR');
    expect(ignored).to.deep.equal(['malformed', 'malformed', 'wrong_id']);
  });

  const timesOut = (phase: string, what: string, handle: (socket: Socket, query: Buffer) => void) =>
    it(`says ${phase} when the time is over and ${what}`, async () => {
      let arrived = 0;
      const { ask, clock, server } = await raw((socket, query) => {
        handle(socket, query);
        arrived++;
      });
      const asking = outcome(ask({ protocol: 'tcp', timeout: 1000 }));
      await until(() => arrived === 1);
      // What was written is there at once on loopback; reading it takes a turn of the event loop.
      for (let i = 0; i < 5; i++) await settle();
      await clock.advance(1000);
      expect(await asking).to.include({ kind: 'timeout', phase });
      await until(() => server.open === 0);
    });
  timesOut('answer', 'nothing came', () => {});
  timesOut('body', 'half a length came', (socket) => socket.write(Uint8Array.of(0)));
  timesOut('body', 'half an answer came', (socket, query) => socket.write(reply(query).subarray(0, 20)));

  it('says connect when the time is over before there is a connection', async () => {
    const { server, clock } = await opened(healthy);
    const stuck = { ...ownSockets, tcp: async () => Object.assign(await ownSockets.tcp(4), { connect() {} }) };
    const options = { protocol: 'tcp', timeout: 1000, clock } as const;
    const asking = ask(stuck, { address: '127.0.0.1', port: server.port }, 'a', A, options, never);
    await clock.advance(1000);
    expect(await outcome(asking)).to.include({ kind: 'timeout', phase: 'connect' });
  });

  it('says that the connection was closed', async () => {
    const { ask } = await raw((socket) => socket.end());
    expect(await outcome(ask({ protocol: 'tcp' }))).to.include({ kind: 'error', reason: 'closed' });
  });

  it('says that the connection was reset', async () => {
    const { ask } = await raw((socket) => socket.resetAndDestroy());
    expect(await outcome(ask({ protocol: 'tcp' }))).to.include({ kind: 'error', reason: 'reset' });
  });

  it('says that nobody listens', async () => {
    const { ask, server } = await opened(healthy);
    await server.close();
    expect(await outcome(ask({ protocol: 'tcp' }))).to.include({ kind: 'error', reason: 'refused' });
  });

  it('stops reading a flood that is no answer', async () => {
    const { ask, ignored } = await raw((socket) => {
      const wrong = frame(Buffer.alloc(0xffff));
      for (let i = 0; i < 20; i++) socket.write(wrong);
    });
    expect(await outcome(ask({ protocol: 'tcp' }))).to.include({ kind: 'error', reason: 'flooded' });
    expect(ignored.length).to.be.within(1, 17);
  });

  it('ends when it is aborted', async () => {
    const { ask, server, clock } = await raw(() => {});
    const ending = new AbortController();
    const asking = ask({ protocol: 'tcp' }, ending.signal);
    await until(() => server.open === 1);
    ending.abort(new Error('enough'));
    expect(await asking.catch((error: Error) => error.message)).to.equal('enough');
    await until(() => server.open === 0);
    expect(clock.pending).to.equal(0);
  });
});

describe('frameReader', () => {
  it('gives the same messages however they are cut', () => {
    const messages = [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(300, 7), Buffer.from('x')];
    const stream = Buffer.concat(messages.map(frame));
    for (const size of [1, 2, 3, 7, 1000]) {
      const got: Buffer[] = [];
      const read = frameReader((bytes) => got.push(Buffer.from(bytes)));
      for (let at = 0; at < stream.length; at += size) read(stream.subarray(at, at + size));
      expect(got, `pieces of ${size}`).to.deep.equal(messages);
    }
  });
});

function swapCase(name: string): string {
  return [...name].map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('');
}
