import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { askChaos, CLASS_CHAOS, parseMessage } from '#dns';
import { FakeClock } from '../support/clock.ts';

const never = new AbortController().signal;

/** The error that a promise is rejected with. */
const rejection = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail('was not rejected'),
    (error: Error) => error,
  );

describe('askChaos', () => {
  let server: Socket;
  /** The names that were asked, in order. */
  let asked: string[];
  /** The data of the answer to each name; undefined for none at all. */
  let data: (name: string) => Buffer | undefined;
  beforeEach(async () => {
    asked = [];
    data = () => Buffer.from('\x011');
    server = createSocket('udp4');
    server.on('message', (bytes, from) => {
      const { questions } = parseMessage(bytes);
      asked.push(questions[0]!.name);
      const text = data(questions[0]!.name);
      if (text) server.send(answer(bytes, text), from.port, from.address);
    });
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => server.close());

  /** The query as an answer, with one record; without data REFUSED. */
  function answer(query: Buffer, text: Buffer): Buffer {
    const bytes = Buffer.from(query);
    bytes[2] = 0x84;
    if (!text.length) {
      bytes[3] = 5;
      return bytes;
    }
    bytes[7] = 1;
    const record = Buffer.from([0xc0, 12, 0, 16, 0, CLASS_CHAOS, 0, 0, 0, 0, 0, text.length]);
    return Buffer.concat([bytes, record, text]);
  }

  const ask = (names: string[], clock = new FakeClock()) =>
    askChaos({ address: '127.0.0.1', port: server.address().port }, names, { clock, timeout: 1000 }, never);

  it('gives the character strings of each name', async () => {
    data = (name) => Buffer.from(name === 'servers.bind.' ? '\x03a 1\x00\x05b 2 3' : '\x0242');
    expect(await ask(['hits.bind', 'servers.bind'])).to.deep.equal(
      new Map([
        ['hits.bind', ['42']],
        ['servers.bind', ['a 1', '', 'b 2 3']],
      ]),
    );
    expect(asked).to.deep.equal(['hits.bind.', 'servers.bind.']);
  });

  it('asks in class CHAOS, and asks for no recursion', async () => {
    const seen = once(server, 'message');
    await ask(['hits.bind']);
    const { questions, recursionDesired } = parseMessage((await seen)[0]);
    expect(questions).to.deep.equal([{ name: 'hits.bind.', type: 16, class: 3 }]);
    expect(recursionDesired).to.equal(false);
  });

  it('takes no answer whose lengths are wrong', async () => {
    const clock = new FakeClock();
    data = () => Buffer.from('\xffab', 'latin1');
    const failed = rejection(ask(['hits.bind'], clock));
    await once(server, 'message');
    await clock.advance(1000);
    expect((await failed).message).to.match(/^no answer in 1 s from /);
  });

  it('asks no more when one is refused', async () => {
    data = () => Buffer.alloc(0);
    const error = await rejection(ask(['hits.bind', 'misses.bind']));
    expect(error.message).to.match(/^REFUSED without a text from 127\.0\.0\.1:\d+ about hits\.bind$/);
    expect(asked).to.deep.equal(['hits.bind.']);
  });

  it('asks no more when one is not answered in time', async () => {
    const clock = new FakeClock();
    data = () => undefined;
    const failed = rejection(ask(['hits.bind', 'misses.bind'], clock));
    await once(server, 'message');
    await clock.advance(1000);
    expect((await failed).message).to.match(/^no answer in 1 s from /);
    expect(asked).to.deep.equal(['hits.bind.']);
  });

  it('tells when nobody listens', async () => {
    const port = server.address().port;
    server.close();
    server = createSocket('udp4');
    const asking = askChaos(
      { address: '127.0.0.1', port },
      ['hits.bind'],
      { clock: new FakeClock(), timeout: 1000 },
      never,
    );
    expect((await rejection(asking)).message).to.match(/^cannot ask /);
  });
});
