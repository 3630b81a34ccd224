import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { createHttpClient, type HttpClient, type HttpClientOptions, type HttpRequest, type HttpResponse } from '#http';
import { closeServers, httpServer, rawServer, until } from '../support/servers.ts';

const signal = new AbortController().signal;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe("the http client's connections", () => {
  const clients: HttpClient[] = [];
  function client(options: HttpClientOptions = {}): HttpClient {
    const made = createHttpClient(options);
    clients.push(made);
    return made;
  }
  const request = (port: number, more: Partial<HttpRequest> = {}): HttpRequest => ({
    method: 'GET',
    url: new URL(`http://127.0.0.1:${port}/`),
    signal,
    ...more,
  });
  const ask = (one: HttpClient, port: number) => one.request(request(port)).then(({ body }) => body.toString());

  afterEach(async () => {
    for (const one of clients.splice(0)) one.close();
    await closeServers();
  });

  /** A server that answers each request with what `say` has for its number, counted from 1 on each connection. */
  const saying = (say: (request: number, connection: number) => string) => {
    let connections = 0;
    return rawServer((socket) => {
      const connection = ++connections;
      let requests = 0;
      socket.on('data', () => socket.write(say(++requests, connection)));
    });
  };

  it('are given up when more comes than the answer, and the next answer has none of it', async () => {
    const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';
    const server = await saying((n, connection) => (n === 1 && connection === 1 ? OK + evil : OK));
    const one = client();
    expect([await ask(one, server.port), await ask(one, server.port)]).to.deep.equal(['ok', 'ok']);
    expect(server.made).to.equal(2);
  });

  it('are given up when bytes come that nobody asked for', async () => {
    const sockets: net.Socket[] = [];
    const server = await rawServer((socket) => {
      sockets.push(socket);
      socket.on('data', () => socket.write(OK));
    });
    const one = client();
    await ask(one, server.port);
    sockets[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    await until(() => server.open === 0);
    expect(await ask(one, server.port)).to.equal('ok');
    expect(server.made).to.equal(2);
  });

  it('are given up after an answer that was refused or cut short by the limit', async () => {
    const server = await saying((n) => (n === 1 ? 'HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc' : OK));
    const one = client();
    const refused = await one.request(request(server.port)).catch((error) => error.message);
    expect(refused).to.match(/invalid Content-Length/);
    await until(() => server.open === 0);
    const cut = await saying(() => 'HTTP/1.1 500 No\r\nContent-Length: 300\r\n\r\nabcdef');
    const got = await one.request(request(cut.port, { maxBody: 4, truncateBody: true }));
    expect(got.body.toString()).to.equal('abcd');
    await until(() => cut.open === 0);
  });

  it('are used again only as often as HTTP/1.0 and Connection: close allow', async () => {
    const many = async (answer: string) => {
      const server = await rawServer((socket) => {
        socket.on('data', () => (answer.includes('Length') ? socket.write(answer) : socket.end(answer)));
      });
      const one = client();
      const got = [await ask(one, server.port), await ask(one, server.port), await ask(one, server.port)];
      expect(got).to.deep.equal(['ok', 'ok', 'ok']);
      return server.made;
    };
    expect(await many('HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok')).to.equal(3);
    expect(await many('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok')).to.equal(1);
    expect(await many('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')).to.equal(3);
    expect(await many('HTTP/1.1 200 OK\r\n\r\nok')).to.equal(3);
    expect(await many(OK)).to.equal(1);
  });

  it('are not used beyond what the server says, less a second', async () => {
    const server = await saying(() => OK.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=1, max=100\r\n\r\n'));
    const one = client();
    expect([await ask(one, server.port), await ask(one, server.port)]).to.deep.equal(['ok', 'ok']);
    expect(server.made).to.equal(2);
  });

  it('are kept idle up to the limit', async () => {
    const waiting: (() => void)[] = [];
    const server = await rawServer((socket) => socket.on('data', () => waiting.push(() => socket.write(OK))));
    const one = client({ maxIdleConnections: 2 });
    const asked = [1, 2, 3].map(() => ask(one, server.port));
    await until(() => waiting.length === 3);
    for (const answer of waiting) answer();
    await Promise.all(asked);
    await until(() => server.open === 2);
  });

  it('are no more than the limit, and a request that waits gets the next that is free, or a new one', async () => {
    const answers: ((text: string) => void)[] = [];
    const server = await rawServer((socket) => {
      socket.on('data', () => answers.push((text) => (text ? socket.write(text) : socket.destroy())));
    });
    const one = client({ maxConnections: 1 });
    const asked = [1, 2, 3].map(() => ask(one, server.port).catch((error: Error) => error.message));
    await until(() => answers.length === 1);
    answers[0]!(OK);
    await until(() => answers.length === 2);
    expect(server.made).to.equal(1);
    // Half an answer, so that the request is not tried again.
    answers[1]!('HTTP/1.1 ');
    await new Promise(setImmediate);
    answers[1]!('');
    await until(() => answers.length === 3);
    answers[2]!(OK);
    const got = await Promise.all(asked);
    expect(got[0]).to.equal('ok');
    expect(got[1]).to.match(/the connection closed in the middle|ECONNRESET/);
    expect(got[2]).to.equal('ok');
    expect(server.made).to.equal(2);
  });

  it('that the server closed unseen are replaced once, by a new one, and never after a byte of the answer', async () => {
    const sockets: net.Socket[] = [];
    let mode = 'answer';
    const server = await rawServer((socket) => {
      sockets.push(socket);
      socket.on('data', () => {
        if (mode === 'half' && sockets.length <= 2) socket.write('HTTP/1.1 2', () => socket.resetAndDestroy());
        else if (mode === 'reset' && sockets.length <= 2) socket.resetAndDestroy();
        else if (mode === 'never') socket.resetAndDestroy();
        else setTimeout(() => socket.write(OK), 5);
      });
    });
    const one = client();
    const both = () => Promise.all([ask(one, server.port), ask(one, server.port)]);
    await both();
    expect(server.made).to.equal(2);
    mode = 'reset';
    expect(await ask(one, server.port)).to.equal('ok');
    expect(server.made).to.equal(3);
    mode = 'never';
    const failed = await ask(one, server.port).catch((error) => error.message);
    expect(failed).to.match(/ECONNRESET|the connection closed/);
    expect(server.made).to.equal(4);

    sockets.length = 0;
    mode = 'answer';
    const other = client();
    await Promise.all([ask(other, server.port), ask(other, server.port)]);
    mode = 'half';
    const made = server.made;
    expect(await ask(other, server.port).catch((error) => error.message)).to.match(/ECONNRESET|the connection closed/);
    expect(server.made).to.equal(made);
  });

  it('carry nothing else while a request is still being sent', async () => {
    const bodies: number[] = [];
    const server = await rawServer((socket) => {
      let seen = 0;
      socket.once('data', () => {
        // An answer to the head alone, as one gives who will not read the rest.
        socket.write('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n');
        socket.on('data', (data) => {
          seen += data.length;
        });
        socket.pause();
      });
      socket.on('close', () => bodies.push(seen));
    });
    const one = client();
    const got = await one.request(request(server.port, { method: 'POST', body: Buffer.alloc(32 << 20) }));
    expect(got.status).to.equal(401);
    await one.request(request(server.port));
    expect(server.made).to.equal(2);
  });

  it('reach IPv6 addresses, IPv4 addresses and names', async () => {
    const server = net.createServer((socket) => socket.on('data', () => socket.write(OK)));
    await new Promise<void>((resolve) => server.listen(0, '::', resolve));
    const { port } = server.address() as net.AddressInfo;
    const one = client();
    const got = ['[::1]', 'localhost', '127.0.0.1'].map((host) =>
      one.request(request(0, { url: new URL(`http://${host}:${port}/`) })).then(
        ({ body }) => body.toString(),
        (error: Error) => error.message,
      ),
    );
    expect(await Promise.all(got)).to.deep.equal(['ok', 'ok', 'ok']);
    one.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('get no head that a header could end', async () => {
    const server = await saying(() => OK);
    const one = client();
    const sends = (more: Partial<HttpRequest>) =>
      one.request(request(server.port, more)).then(
        () => 'sent',
        (error: Error) => error.message,
      );
    expect(await sends({ headers: { 'x-a': 'secret\r\nx-b: c' } })).to.match(
      /x-a has a value that no header may hold$/,
    );
    expect(await sends({ headers: { 'x a': 'b' } })).to.match(/not a valid header name/);
    expect(await sends({ headers: { 'transfer-encoding': 'chunked' } })).to.match(/frames the message/);
    expect(await sends({ method: 'GET /x HTTP/1.1\r\n' })).to.match(/method/);
    expect(await sends({ url: new URL(`http://127.0.0.1:${server.port}/\u2028\r\n?\u00e9 '\u0000`) })).to.equal('sent');
    expect(server.made).to.equal(1);
  });

  describe('read', () => {
    const page = (text: string) => gzipSync(text.repeat(20_000));
    const gzip = { 'accept-encoding': 'gzip' };

    it('lends bodies of every framing and size whole, many at a time', async () => {
      const server = await httpServer((incoming, response) => {
        const [, kind, letter] = incoming.url!.split('/');
        if (kind === 'gzip') response.setHeader('content-encoding', 'gzip').end(page(letter!));
        else if (kind === 'length') response.setHeader('content-length', 500_000).end(letter!.repeat(500_000));
        else if (kind === 'close') response.setHeader('connection', 'close').end(letter!.repeat(300_000));
        else for (const end of [false, false, true]) response[end ? 'end' : 'write'](letter!.repeat(100_000));
      });
      const one = client();
      const size = { gzip: 20_000, length: 500_000, chunks: 300_000, close: 300_000 };
      const check = async (kind: keyof typeof size, letter: string) => {
        const url = new URL(`http://127.0.0.1:${server.port}/${kind}/${letter}`);
        const whole = ({ body }: HttpResponse) => body.equals(Buffer.alloc(size[kind], letter));
        const asked = { method: 'GET', url, signal, headers: gzip, maxBody: 1 << 20 };
        expect(await one.read(asked, whole), kind + letter).to.equal(true);
        expect(whole(await one.request(asked)), kind + letter).to.equal(true);
      };
      const kinds = Object.keys(size) as (keyof typeof size)[];
      await Promise.all([...'abcdef'].flatMap((letter) => kinds.map((kind) => check(kind, letter))));
    });

    it('throws what its reader throws, and uses the connection again', async () => {
      const server = await saying(() => OK);
      const one = client();
      const mine = new Error('not to my taste');
      const refuse = () => {
        throw mine;
      };
      for (let i = 0; i < 2; i++) expect(await one.read(request(server.port), refuse).catch((e) => e)).to.equal(mine);
      expect(server.made).to.equal(1);
    });
  });
});
