import { expect } from 'chai';
import { Secret } from '#config';
import { BodyTooLargeError, createHttpStreamer, type HttpClientOptions, readBeginning, readWhole } from '#http';
import { answering, closeServers, httpServer, type TestServer, until } from '../support/servers.ts';

describe('http streamer', () => {
  const streamers: { close(): void }[] = [];
  const open = (server: TestServer, signal = new AbortController().signal, options: HttpClientOptions = {}) => {
    const made = createHttpStreamer(options);
    streamers.push(made);
    return made.open({ method: 'GET', url: new URL(`http://127.0.0.1:${server.port}/watch?a=1`), signal });
  };
  const failure = (promise: Promise<unknown>): Promise<Error> =>
    promise.then(
      () => expect.fail('it went well'),
      (error) => error,
    );

  afterEach(async () => {
    for (const one of streamers.splice(0)) one.close();
    await closeServers();
  });

  it('gives the head at once and the body as it comes', async () => {
    let more = (_text: string) => {};
    const server = await httpServer((_request, response) => {
      response.writeHead(200, { 'x-a': '1' });
      response.write('one');
      more = (text) => response.end(text);
    });
    const stream = await open(server);
    expect([stream.status, stream.headers['x-a']]).to.deep.equal([200, '1']);
    const got: string[] = [];
    for await (const piece of stream.body) {
      got.push(piece.toString());
      if (got.length === 1) more('two');
    }
    expect(got).to.deep.equal(['one', 'two']);
  });

  it('leaves with the sender what is not read', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    let sent = 0;
    const server = await httpServer((_request, response) => {
      const send = () => {
        while (response.write(chunk)) sent++;
      };
      response.on('drain', send);
      send();
    });
    const stream = await open(server);
    const first = await stream.body[Symbol.asyncIterator]().next();
    expect(first.done).to.equal(false);
    let before = -1;
    await until(() => {
      const still = sent === before;
      before = sent;
      return still;
    });
    expect(sent * chunk.length).to.be.below(64 * 1024 * 1024);
    stream.close();
    await until(() => server.open === 0);
  });

  it('says that a connection broke within the body', async () => {
    const server = await answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    const stream = await open(server);
    const reading = failure(readWhole(stream, 100));
    await server.close();
    expect((await reading).message).to.match(/^GET http:\/\/127\.0\.0\.1:\d+\/watch\?a=\[REDACTED\]: /);
  });

  it('ends head and body with the signal', async () => {
    const silent = await answering('');
    const waiting = new AbortController();
    const head = failure(open(silent, waiting.signal));
    waiting.abort(new Error('enough'));
    expect((await head).message).to.equal('enough');

    const slow = await answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    const reading = new AbortController();
    const body = failure(readWhole(await open(slow, reading.signal), 100));
    reading.abort(new Error('enough'));
    expect((await body).message).to.equal('enough');
    await until(() => slow.open === 0);
  });

  it('reads a whole body up to a limit, and the beginning of one that has no end', async () => {
    const server = await httpServer((_request, response) => {
      response.on('drain', () => response.write('x'.repeat(1000)));
      while (response.write('x'.repeat(1000)));
    });
    expect(await failure(readWhole(await open(server), 10_000))).to.be.instanceOf(BodyTooLargeError);
    expect((await readBeginning(await open(server), 1500)).length).to.equal(1500);
    await until(() => server.open === 0);
  });

  it('follows no redirect, so that credentials stay', async () => {
    let hits = 0;
    const elsewhere = await httpServer((_request, response) => {
      hits++;
      response.end();
    });
    const server = await httpServer((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${elsewhere.port}/` }).end();
    });
    const headers = new Map([['authorization', new Secret('Bearer x')]]);
    const stream = await open(server, undefined, { followRedirects: true, headers });
    expect([stream.status, hits]).to.deep.equal([302, 0]);
  });

  it('refuses what is compressed unasked', async () => {
    const server = await httpServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
    });
    expect((await failure(open(server))).message).to.match(/compressed, which was not asked for$/);
  });

  it('sends the headers of settings, request and authenticator, and uses a connection again', async () => {
    const server = await httpServer((request, response) => {
      response.end(`${request.headers['user-agent']} ${request.headers.accept} ${request.headers.authorization}`);
    });
    const streamer = createHttpStreamer({
      headers: new Map([['User-Agent', new Secret('me')]]),
      authenticator: { authenticate: async () => ({ authorization: 'Bearer t' }) },
    });
    streamers.push(streamer);
    const url = new URL(`http://127.0.0.1:${server.port}/`);
    const { signal } = new AbortController();
    for (let i = 0; i < 2; i++) {
      const stream = await streamer.open({ method: 'GET', url, headers: { Accept: 'a/b' }, signal });
      expect((await readWhole(stream, 100)).toString()).to.equal('me a/b Bearer t');
      await until(() => server.open === 1);
    }
    expect(server.made).to.equal(1);
  });
});
