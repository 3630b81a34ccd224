import { randomBytes } from 'node:crypto';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Authenticator } from '#component';
import { Secret } from '#config';
import {
  BodyTooLargeError,
  createHttpClient,
  type HttpClient,
  type HttpClientOptions,
  type HttpRequest,
  shownUrl,
} from '#http';
import { answering, closeServers, httpServer, rawServer, readAll, until } from '../support/servers.ts';

describe('http client', () => {
  const clients: HttpClient[] = [];
  const client = (options: HttpClientOptions = {}) => {
    const made = createHttpClient(options);
    clients.push(made);
    return made;
  };
  const get = (port: number, more: Partial<HttpRequest> = {}, options: HttpClientOptions = {}) =>
    client(options).request({
      method: 'GET',
      url: new URL(`http://127.0.0.1:${port}/metrics`),
      signal: new AbortController().signal,
      ...more,
    });
  const failure = (promise: Promise<unknown>): Promise<Error> =>
    promise.then(
      () => expect.fail('it was answered'),
      (error) => error,
    );

  afterEach(async () => {
    for (const one of clients.splice(0)) one.close();
    await closeServers();
  });

  it('sends method, path, query, headers and body and gives back status, headers and body', async () => {
    const server = await httpServer(async (request, response) => {
      const body = await readAll(request);
      response.writeHead(202, { 'X-Seen': `${request.method} ${request.url} ${request.headers['x-a']} ${body}` });
      response.end('thanks');
    });
    const got = await get(server.port, {
      method: 'POST',
      url: new URL(`http://127.0.0.1:${server.port}/a/b?c=d`),
      headers: { 'X-A': '1' },
      body: Buffer.from('hello'),
    });
    expect(got.status).to.equal(202);
    expect(got.headers['x-seen']).to.equal('POST /a/b?c=d 1 hello');
    expect(got.body.toString()).to.equal('thanks');
  });

  it('sends a Content-Length, never chunks', async () => {
    const server = await httpServer((request, response) => {
      response.end(`${request.headers['content-length']} ${request.headers['transfer-encoding']}`);
    });
    const got = await get(server.port, { method: 'POST', body: randomBytes(100_000) });
    expect(got.body.toString()).to.equal('100000 undefined');
    expect((await get(server.port, { method: 'POST' })).body.toString()).to.equal('0 undefined');
  });

  it("adds the settings' headers, and the caller's own win", async () => {
    const server = await httpServer((request, response) => {
      response.end(`${request.headers['x-a']} ${request.headers['x-b']}`);
    });
    const headers = new Map([
      ['X-A', new Secret('settings')],
      ['X-B', new Secret('settings')],
    ]);
    const got = await get(server.port, { headers: { 'x-b': 'caller' } }, { headers });
    expect(got.body.toString()).to.equal('settings caller');
  });

  it("turns a URL's user information into basic authorization and shows it in no error", async () => {
    const server = await httpServer((request, response) => response.end(request.headers.authorization));
    const url = new URL(`http://me:p%40ss@127.0.0.1:${server.port}/`);
    expect((await get(0, { url })).body.toString()).to.equal(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
    await server.close();
    const error = await failure(get(0, { url }));
    expect(error.message).to.equal(
      `GET http://127.0.0.1:${server.port}/: connect ECONNREFUSED 127.0.0.1:${server.port}`,
    );
    expect(error.cause).to.be.an('error');
  });

  it("shows no value of a URL's query in an error", async () => {
    const closed = await httpServer((_request, response) => response.end());
    await closed.close();
    const url = new URL(`http://127.0.0.1:${closed.port}/w?apikey=SEKRET&n=&b=KEY#HASH`);
    const error = await failure(get(0, { url }));
    expect(error.message).to.match(/^GET http:\/\/127.0.0.1:\d+\/w\?apikey=\[REDACTED\]&n=&b=\[REDACTED\]: connect/);
    expect(shownUrl(new URL('http://h/?KEY'))).to.equal('http://h/?[REDACTED]');
  });

  it('asks the authenticator with the exact body and sends what it adds', async () => {
    const server = await httpServer((request, response) => response.end(request.headers.authorization));
    const seen: unknown[] = [];
    const authenticator = {
      async authenticate({ method, url, body }: { method: string; url: URL; body: Uint8Array }) {
        seen.push([method, url.pathname, Buffer.from(body).toString()]);
        return { Authorization: 'Signed abc' };
      },
    };
    const got = await get(server.port, { method: 'POST', body: Buffer.from('x') }, { authenticator });
    expect(got.body.toString()).to.equal('Signed abc');
    expect(seen).to.deep.equal([['POST', '/metrics', 'x']]);
  });

  it('asks the authenticator about a refusal, and sends once more when it says so, not twice', async () => {
    const seen: string[] = [];
    const server = await httpServer((request, response) => {
      seen.push(request.headers.authorization!);
      response.writeHead(Number(request.url!.slice(1)), { date: 'then' }).end('words');
    });
    let n = 0;
    const told: unknown[] = [];
    const authenticator: Authenticator = {
      authenticate: async () => ({ Authorization: `key ${++n}` }),
      refused({ status, sent, headers, body }) {
        told.push([status, sent.authorization, headers.date, Buffer.from(body).toString()]);
        return { again: true, advice: 'look there' };
      },
    };
    const ask = (status: number) =>
      get(server.port, { url: new URL(`http://127.0.0.1:${server.port}/${status}`) }, { authenticator });
    expect(await ask(403)).to.include({ status: 403, advice: 'look there' });
    expect(seen.splice(0)).to.deep.equal(['key 1', 'key 2']);
    expect(told.splice(0)).to.deep.equal([
      [403, 'key 1', 'then', 'words'],
      [403, 'key 2', 'then', 'words'],
    ]);
    for (const status of [200, 404, 429, 500]) expect(await ask(status)).to.have.property('status', status);
    expect(told).to.deep.equal([]);
  });

  it('fails the request with what the authenticator throws about a refusal', async () => {
    const server = await httpServer((_request, response) => response.writeHead(401).end());
    const authenticator: Authenticator = {
      authenticate: async () => ({ authorization: 'old' }),
      refused: () => Promise.reject(new Error('no new token')),
    };
    expect((await failure(get(server.port, {}, { authenticator }))).message).to.match(/^GET http.*: no new token$/);
  });

  it('uses a connection again', async () => {
    const server = await httpServer((_request, response) => response.end('x'));
    const one = client();
    const url = new URL(`http://127.0.0.1:${server.port}/`);
    for (let i = 0; i < 5; i++) await one.request({ method: 'GET', url, signal: new AbortController().signal });
    expect(server.made).to.equal(1);
    one.close();
    await until(() => server.open === 0);
  });

  it('opens a new connection each time when keepAlive is off', async () => {
    const server = await httpServer((_request, response) => response.end('x'));
    const one = client({ keepAlive: false });
    const url = new URL(`http://127.0.0.1:${server.port}/`);
    for (let i = 0; i < 3; i++) await one.request({ method: 'GET', url, signal: new AbortController().signal });
    expect(server.made).to.equal(3);
  });

  it('tries once more when the server closes an idle connection in the moment of use', async () => {
    let connections = 0;
    const server = await rawServer((socket) => {
      const first = ++connections === 1;
      let requests = 0;
      socket.on('data', () => {
        // Takes one request; the second on this connection meets a reset.
        if (first && ++requests === 2) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      });
    });
    const one = client();
    const url = new URL(`http://127.0.0.1:${server.port}/`);
    const ask = () => one.request({ method: 'GET', url, signal: new AbortController().signal });
    await ask();
    expect((await ask()).body.toString()).to.equal('ok');
    expect(connections).to.equal(2);
  });

  describe('unpacks', () => {
    const page = Buffer.from('up 1\n'.repeat(50_000));
    const unpacks = (coding: string, packed: Buffer) =>
      it(coding, async () => {
        const server = await httpServer((_request, response) => {
          response.writeHead(200, { 'content-encoding': coding.split(' ')[0]! });
          response.end(packed);
        });
        const got = await get(server.port, {
          headers: { 'accept-encoding': 'gzip, deflate;q=0.5, br' },
          maxBody: 1 << 20,
        });
        expect(got.body.equals(page)).to.equal(true);
      });
    unpacks('gzip', gzipSync(page));
    unpacks('x-gzip', gzipSync(page));
    unpacks('gzip of incompressible size', Buffer.concat([gzipSync(page, { level: 0 })]));
    unpacks('deflate', deflateSync(page));
    unpacks('deflate without zlib header', deflateRawSync(page));
    unpacks('br', brotliCompressSync(page));
    unpacks('identity', page);
  });

  describe('refuses', () => {
    const refuses = (what: string, answer: string | Buffer, says: RegExp, accept = 'gzip') =>
      it(what, async () => {
        const server = await answering(answer);
        const error = await failure(get(server.port, { headers: { 'accept-encoding': accept } }));
        expect(error.message).to.match(says);
        await until(() => server.open === 0 || /Encoding|not valid/.test(error.message));
      });
    const packed = (encoding: string, body: Buffer) =>
      Buffer.concat([
        Buffer.from(`HTTP/1.1 200 OK\r\nContent-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`),
        body,
      ]);
    const twice = gzipSync(gzipSync('x'));
    refuses('a chain of encodings', packed('gzip, gzip', twice), /more than one Content-Encoding/);
    refuses(
      'a chain in two headers',
      packed('gzip\r\nContent-Encoding: gzip', twice),
      /more than one Content-Encoding/,
    );
    refuses('an encoding not asked for', packed('br', brotliCompressSync('x')), /not asked for/);
    refuses('an encoding asked for with q=0', packed('gzip', gzipSync('x')), /not asked for/, 'gzip;q=0.0');
    refuses('an encoding it does not know', packed('zstd', Buffer.from('x')), /not supported/, 'zstd');
    refuses('a broken gzip body', packed('gzip', Buffer.from('not gzip')), /not valid gzip/);
    refuses('a gzip body cut short', packed('gzip', gzipSync(randomBytes(500)).subarray(0, 300)), /not valid gzip/);
    refuses('endless interim answers', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100), /interim/);
    refuses('an endless head', `HTTP/1.1 200 OK\r\n${'X-Long: 0123456789abcdef\r\n'.repeat(10_000)}`, /[Oo]verflow/);
    refuses(
      'a protocol switch',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      /switched/,
    );
    refuses('two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc', /Content-Length/);
    refuses(
      'length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n',
      /Content-Length|Transfer-Encoding/,
    );
    refuses('what is no HTTP', '220 smtp.example.com ESMTP\r\n', /Parse Error|Expected HTTP/);
  });

  describe('refuses an answer that ends early', () => {
    const cut = (what: string, bytes: string) =>
      it(what, async () => {
        const server = await rawServer((socket) => socket.on('data', () => socket.end(bytes)));
        expect((await failure(get(server.port))).message).to.match(
          /GET http.*: (aborted|socket hang up|the connection closed)/,
        );
      });
    cut('before the head', '');
    cut('in the head', 'HTTP/1.1 200 OK\r\nContent-');
    cut('in a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    cut('in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab');
    cut('before the last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n');
  });

  describe('limits the body', () => {
    const endless = () =>
      httpServer((_request, response) => {
        response.on('error', () => {});
        const write = () => {
          while (response.write(Buffer.alloc(65_536, 'a')));
        };
        response.on('drain', write);
        write();
      });

    it('on the wire, and destroys the connection', async () => {
      const server = await endless();
      const error = await failure(get(server.port, { maxBody: 100_000 }));
      expect(error).to.be.instanceOf(BodyTooLargeError);
      expect(error).to.include({ name: 'BodyTooLargeError', limit: 100_000 });
      expect(error.message).to.match(/^GET http:.*: the body is larger than 100000 bytes$/);
      await until(() => server.open === 0, 1000);
    });

    it('unpacked, without unpacking the rest', async () => {
      const bomb = gzipSync(Buffer.alloc(64 << 20));
      const server = await httpServer((_request, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
      });
      const error = await failure(get(server.port, { headers: { 'accept-encoding': 'gzip' }, maxBody: 100_000 }));
      expect(error).to.be.instanceOf(BodyTooLargeError);
      expect(error.message).to.contain('unpacks to more than 100000 bytes');
    });

    it('takes a body of exactly the limit', async () => {
      const server = await httpServer((_request, response) => response.end(Buffer.alloc(1000)));
      expect((await get(server.port, { maxBody: 1000 })).body).to.have.length(1000);
    });

    it('quietly, for error texts', async () => {
      const server = await endless();
      const got = await get(server.port, { maxBody: 1000, truncateBody: true });
      expect(got.body.toString()).to.equal('a'.repeat(1000));
      await until(() => server.open === 0, 1000);
    });

    it('gives an error its empty text when that cannot be unpacked', async () => {
      const server = await httpServer((_request, response) => {
        response.writeHead(500, { 'content-encoding': 'gzip' }).end('oops');
      });
      const got = await get(server.port, { truncateBody: true });
      expect([got.status, got.body.length]).to.deep.equal([500, 0]);
    });
  });

  describe('aborting', () => {
    const reason = new Error('took too long');
    const aborts = (what: string, onConnection: Parameters<typeof rawServer>[0]) =>
      it(`${what} destroys the connection and rejects with the reason`, async () => {
        const server = await rawServer((socket) => onConnection(socket.resume()));
        const ending = new AbortController();
        const asked = failure(get(server.port, { signal: ending.signal }));
        await until(() => server.open === 1);
        ending.abort(reason);
        expect(await asked).to.equal(reason);
        await until(() => server.open === 0, 1000);
      });
    aborts('before an answer', () => {});
    aborts('in a dripping head', (socket) => void socket.write('HTTP/1.1 200 OK\r\nX-A'));
    aborts('in a dripping body', (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'));

    it('rejects at once when aborted before', async () => {
      const server = await httpServer((_request, response) => response.end());
      expect(await failure(get(server.port, { signal: AbortSignal.abort(reason) }))).to.equal(reason);
    });

    it('rejects a request that waits for a connection', async () => {
      const server = await rawServer(() => {});
      const one = client({ maxConnections: 1 });
      const url = new URL(`http://127.0.0.1:${server.port}/`);
      const [first, second] = [new AbortController(), new AbortController()];
      const holding = failure(one.request({ method: 'GET', url, signal: first.signal }));
      const waiting = failure(one.request({ method: 'GET', url, signal: second.signal }));
      second.abort(reason);
      expect(await waiting).to.equal(reason);
      await until(() => server.made === 1);
      first.abort(reason);
      await holding;
      expect(server.made).to.equal(1);
    });
  });

  it('refuses a URL that is not http or https', async () => {
    const error = await failure(get(0, { url: new URL('file:///etc/passwd') }));
    expect(error.message).to.equal('GET file:///etc/passwd: file: is not http or https');
  });
});
