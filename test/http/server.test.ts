import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { createHttpServer, type HttpServer, type HttpServerOptions, type ServerAnswer } from '#http';
import { FakeClock } from '../support/clock.ts';
import { readAll, until } from '../support/servers.ts';

describe('http server', () => {
  const servers: HttpServer[] = [];
  const clock = new FakeClock();

  async function serve(
    options: Partial<HttpServerOptions> = {},
    handle: HttpServerOptions['handle'] = () => ({ status: 200, body: 'page\n' }),
  ): Promise<{ server: HttpServer; port: number }> {
    const server = createHttpServer({ endpoint: '127.0.0.1:0', handle, ...options }, clock);
    servers.push(server);
    await server.start();
    return { server, port: Number(server.address().split(':')[1]) };
  }

  interface Got {
    status: number;
    headers: http.IncomingHttpHeaders;
    body: Buffer;
  }
  function ask(port: number, options: http.RequestOptions = {}, body?: string | Buffer): Promise<Got> {
    return new Promise((resolve, reject) => {
      const request = http.request({ host: '127.0.0.1', port, agent: false, ...options }, async (response) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: await readAll(response) });
      });
      request.on('error', reject).end(body);
    });
  }

  /** Everything the server says to these bytes until it closes. */
  async function say(port: number, bytes: string): Promise<string> {
    const socket = net.connect(port, '127.0.0.1');
    socket.write(bytes, 'latin1');
    return (await readAll(socket)).toString('latin1');
  }

  async function connection(port: number): Promise<net.Socket> {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop(AbortSignal.abort())));
  });

  it('hands over method, path, query and headers', async () => {
    const { port } = await serve({}, ({ method, path, query, headers }) => ({
      status: 200,
      body: `${method} ${path} ${query.get('a')} ${headers['x-b']}`,
    }));
    const got = await ask(port, { path: '/x%2e/../y?a=1', headers: { 'X-B': '2' } });
    expect(got.body.toString()).to.equal('GET /x%2e/../y 1 2');
    expect(got.headers['content-type']).to.equal('text/plain; charset=utf-8');
  });

  it('takes a whole URL as the target, as proxies send it', async () => {
    const { port } = await serve({}, ({ path }) => ({ status: 200, body: path }));
    expect((await ask(port, { path: 'http://example.com/metrics?x=1' })).body.toString()).to.equal('/metrics');
  });

  it('answers HEAD with the head of the page alone', async () => {
    const { port } = await serve();
    const got = await ask(port, { method: 'HEAD' });
    expect([got.status, got.headers['content-length'], got.body.length]).to.deep.equal([200, '5', 0]);
  });

  it('packs a large page for those who take gzip, and once for all of them', async () => {
    const page = Buffer.from('metric{label="value"} 1\n'.repeat(10_000));
    const { port } = await serve({}, () => ({ status: 200, body: page }));
    const plain = await ask(port);
    expect(plain.body.equals(page)).to.equal(true);
    expect(plain.headers.vary).to.equal('Accept-Encoding');
    const packed = await ask(port, { headers: { 'accept-encoding': 'br, gzip;q=0.5' } });
    expect(packed.headers['content-encoding']).to.equal('gzip');
    expect(gunzipSync(packed.body).equals(page)).to.equal(true);
    const refused = await ask(port, { headers: { 'accept-encoding': 'gzip;q=0, *' } });
    expect(refused.headers['content-encoding']).to.equal(undefined);
  });

  it('adds the headers of the settings', async () => {
    const { port } = await serve({ responseHeaders: { 'x-a': '1' } });
    expect((await ask(port)).headers['x-a']).to.equal('1');
  });

  it('answers 500 when a handler throws, tells the host, and goes on', async () => {
    const errors: string[] = [];
    const onError = (message: string, error: unknown) => errors.push(`${message}: ${(error as Error).message}`);
    const { port } = await serve({ onError }, ({ path }): ServerAnswer => {
      if (path === '/bad') throw new Error('broken');
      return { status: 200, body: 'fine' };
    });
    expect((await ask(port, { path: '/bad' })).status).to.equal(500);
    expect((await ask(port, { path: '/' })).body.toString()).to.equal('fine');
    expect(errors).to.deep.equal(['cannot answer GET /bad: broken']);
  });

  it('never sends a header that a handler made with a line break', async () => {
    const { port } = await serve({}, () => ({ status: 200, headers: { 'x-a': 'b\r\nSet-Cookie: c' }, body: '' }));
    expect(await say(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).to.equal('');
  });

  describe('methods', () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'OPTIONS', 'PROPFIND']) {
      it(`${method} is answered 405 with Allow`, async () => {
        const { port } = await serve();
        const got = await ask(port, { method });
        expect([got.status, got.headers.allow]).to.deep.equal([405, 'GET, HEAD']);
      });
    }
    it('CONNECT is answered 405 and closed', async () => {
      const { port } = await serve();
      expect(await say(port, 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')).to.match(/^HTTP\/1\.1 405 /);
    });
  });

  describe('answers malformed requests with 400 or 431 and closes', () => {
    const refuses = (what: string, bytes: string) =>
      it(what, async () => {
        let handled = 0;
        const { port } = await serve({}, () => {
          handled++;
          return { status: 200 };
        });
        expect(await say(port, bytes)).to.match(/^HTTP\/1\.1 (400|413|431) /);
        expect(handled).to.equal(0);
      });
    refuses('random bytes', '\x00\x01\x02\x03\r\n\r\n');
    refuses('a header of 64 KiB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(65_536)}\r\n\r\n`);
    refuses('a URL of 64 KiB', `GET /${'a'.repeat(65_536)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    refuses('10,000 headers', `GET / HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(10_000)}\r\n`);
    refuses(
      'length and chunks',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    );
    refuses('two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab');
    refuses('a signed length', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na');
    refuses('a folded header', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n');
    refuses('a NUL in a header', 'GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n');
    refuses('no Host', 'GET / HTTP/1.1\r\n\r\n');
    refuses('HTTP/2 with prior knowledge', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  });

  it('refuses a GET with a body', async () => {
    const { port } = await serve();
    const got = await ask(port, { headers: { 'content-length': '3' } }, 'abc');
    expect([got.status, got.headers.connection]).to.deep.equal([400, 'close']);
    expect((await ask(port, { headers: { 'content-length': '0' } })).status).to.equal(200);
  });

  it('answers before an unwanted body has come and closes when it does not end', async () => {
    const { port } = await serve();
    const socket = await connection(port);
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc');
    const [data] = await once(socket, 'data');
    expect(String(data)).to.match(/^HTTP\/1\.1 405 /);
    const closed = once(socket, 'close');
    await clock.advance(5_000);
    await closed;
  });

  it('takes a whole unwanted body, so that the client sees the answer and no reset', async () => {
    const { port } = await serve();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 20; i++) {
      expect((await ask(port, { method: 'POST', agent }, Buffer.alloc(500_000))).status).to.equal(405);
    }
    agent.destroy();
  });

  it('sends the answer to a client that has closed its side', async () => {
    const { port } = await serve();
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect((await readAll(socket)).toString()).to.match(/page\n$/);
  });

  it('answers 503 beyond the requests it takes at a time', async () => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let waiting = 0;
    const { port } = await serve({ maxInFlight: 2 }, async () => {
      waiting++;
      await gate;
      return { status: 200 };
    });
    const first = [ask(port), ask(port)];
    await until(() => waiting === 2);
    const third = await ask(port);
    expect([third.status, third.headers['retry-after']]).to.deep.equal([503, '1']);
    go();
    expect((await Promise.all(first)).map((got) => got.status)).to.deep.equal([200, 200]);
  });

  it('closes connections beyond its limit and takes new ones when others have gone', async () => {
    const { port } = await serve({ maxConnections: 3 });
    const held = await Promise.all([connection(port), connection(port), connection(port)]);
    await once((await connection(port)).resume(), 'close');
    for (const socket of held) socket.destroy();
    let status = 0;
    while (status !== 200) status = (await ask(port).catch(() => ({ status: 0 }))).status;
  });

  it('closes a connection whose head comes too slowly', async () => {
    const { port } = await serve({ headTimeout: 50, requestTimeout: 100 });
    const socket = await connection(port);
    socket.write('GET / HTTP/1.1\r\nX: ');
    expect((await readAll(socket)).toString()).to.match(/^HTTP\/1\.1 408 /);
  });

  it('says nothing to a connection that says nothing, and closes it', async () => {
    const { port } = await serve({ headTimeout: 50 });
    const socket = await connection(port);
    expect((await readAll(socket)).toString()).to.equal('');
  });

  it('closes after each answer without keep-alive, by FIN, even when more was sent than was asked', async () => {
    const { port } = await serve({ keepAlive: false });
    for (const more of ['', '\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000)]) {
      const said = await say(port, `GET / HTTP/1.1\r\nHost: x\r\n\r\n${more}`);
      expect(said).to.match(/^HTTP\/1\.1 200 OK\r\n/);
      expect(said).to.match(/\r\nconnection: close\r\n/i);
      expect(said.match(/page\n/g)).to.have.length(1);
    }
  });

  it('drops a client that does not take its answer in time', async () => {
    const page = Buffer.alloc(64 << 20, 'a');
    const { port } = await serve({ writeTimeout: 1000 }, () => ({ status: 200, body: page }));
    const socket = await connection(port);
    socket.pause().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => clock.pending > 0);
    await clock.advance(1001);
    expect((await readAll(socket).catch(() => Buffer.alloc(0))).length).to.be.below(page.length);
  });

  it('survives clients that reset in the middle of an answer', async () => {
    const page = Buffer.alloc(1 << 20, 'a');
    const { port } = await serve({}, () => ({ status: 200, body: page }));
    for (let i = 0; i < 50; i++) {
      const socket = await connection(port);
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
      socket.resetAndDestroy();
    }
    expect((await ask(port)).body.length).to.equal(page.length);
  });

  describe('cors', () => {
    const cors = { allowedOrigins: ['https://*.example.com'], allowedHeaders: ['X-A'], maxAge: 60 };
    it('lets a named origin read', async () => {
      const { port } = await serve({ cors });
      const got = await ask(port, { headers: { origin: 'https://a.example.com' } });
      expect(got.headers['access-control-allow-origin']).to.equal('https://a.example.com');
    });
    it('answers a preflight', async () => {
      const { port } = await serve({ cors });
      const headers = { origin: 'https://a.example.com', 'access-control-request-method': 'GET' };
      const got = await ask(port, { method: 'OPTIONS', headers });
      expect(got.status).to.equal(204);
      expect(got.headers).to.include({ 'access-control-allow-headers': 'X-A', 'access-control-max-age': '60' });
    });
    it('says nothing to another origin', async () => {
      const { port } = await serve({ cors });
      const got = await ask(port, { headers: { origin: 'https://example.com.evil' } });
      expect(got.headers['access-control-allow-origin']).to.equal(undefined);
    });
  });

  describe('start', () => {
    const failure = async (endpoint: string) => {
      const server = createHttpServer({ endpoint, handle: () => ({ status: 200 }) });
      return server.start().then(
        () => expect.fail('it listens'),
        (error: Error) => error,
      );
    };
    it('says that a port is in use', async () => {
      const { port } = await serve();
      const error = await failure(`127.0.0.1:${port}`);
      expect(error.message).to.equal(`cannot listen on 127.0.0.1:${port}: the port is in use`);
      expect(error.cause).to.have.property('code', 'EADDRINUSE');
    });
    it('says that an address is not ours', async () => {
      expect((await failure('192.0.2.1:0')).message).to.equal(
        'cannot listen on 192.0.2.1:0: this machine does not have that address',
      );
    });
    it('takes localhost for 127.0.0.1', async () => {
      const { server, port } = await serve({ endpoint: 'localhost:0' });
      expect(server.address()).to.equal(`localhost:${port}`);
      expect((await ask(port)).status).to.equal(200);
    });
    it('takes no host for all addresses', async () => {
      const { server } = await serve({ endpoint: ':0' });
      const port = Number(/^(?:\[::\]|0\.0\.0\.0):(\d+)$/.exec(server.address())?.[1]);
      expect((await ask(port)).status).to.equal(200);
    });
    it('refuses an endpoint without a port', () => {
      expect(() => createHttpServer({ endpoint: 'localhost', handle: () => ({ status: 200 }) })).to.throw(
        'endpoint localhost must be host:port',
      );
    });
  });

  describe('stop', () => {
    it('closes idle connections and takes no new ones', async () => {
      const { server, port } = await serve();
      const agent = new http.Agent({ keepAlive: true });
      await ask(port, { agent });
      const never = await connection(port);
      const closed = once(never.resume(), 'close');
      await server.stop();
      await closed;
      expect(await ask(port).catch((error) => error.code)).to.equal('ECONNREFUSED');
      agent.destroy();
    });

    it('lets what is under way end', async () => {
      let go = () => {};
      let began = false;
      const { server, port } = await serve({}, async () => {
        began = true;
        await new Promise<void>((resolve) => {
          go = resolve;
        });
        return { status: 200, body: 'late' };
      });
      const asked = ask(port, { agent: new http.Agent({ keepAlive: true }) });
      await until(() => began);
      const stopped = server.stop();
      go();
      expect((await asked).body.toString()).to.equal('late');
      expect((await asked).headers.connection).to.equal('close');
      await stopped;
    });

    it('destroys what is under way when the signal aborts, and tells the handler', async () => {
      let signal: AbortSignal | undefined;
      const { server, port } = await serve({}, (_request, given) => {
        signal = given;
        return new Promise(() => {});
      });
      const asked = ask(port).catch((error) => error.code);
      await until(() => signal !== undefined);
      const deadline = new AbortController();
      const stopped = server.stop(deadline.signal);
      deadline.abort();
      await stopped;
      expect(await asked).to.equal('ECONNRESET');
      await until(() => signal?.aborted === true);
    });

    it('can be followed by another start', async () => {
      const { server } = await serve();
      await server.stop();
      await server.stop();
      await server.start();
      expect((await ask(Number(server.address().split(':')[1]))).status).to.equal(200);
    });
  });
});
