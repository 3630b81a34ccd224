import net from 'node:net';
import { expect } from 'chai';
import { Secret } from '#config';
import { createHttpClient, setProxyEnvironment } from '#http';
import { proxyChooser } from '../../src/http/proxy.ts';
import { makeAuthority } from '../support/certificates.ts';
import { closeServers, httpServer, httpsServer, rawServer, until } from '../support/servers.ts';

describe('http client through a proxy', () => {
  afterEach(closeServers);
  const signal = new AbortController().signal;

  it('asks for the whole URL, with its own credentials and the Host of the target', async () => {
    const proxy = await httpServer((request, response) => {
      const { host } = request.headers;
      response.end(`${request.url} ${host} ${request.headers['proxy-authorization']}`);
    });
    const client = createHttpClient({ proxyUrl: new Secret(`http://me:secret@127.0.0.1:${proxy.port}`) });
    const got = await client.request({ method: 'GET', url: new URL('http://target.test:81/x?y=1'), signal });
    const basic = Buffer.from('me:secret').toString('base64');
    expect(got.body.toString()).to.equal(`http://target.test:81/x?y=1 target.test:81 Basic ${basic}`);
    client.close();
  });

  /** A proxy that knows CONNECT, whatever name it is asked for, and leads to `port`. */
  async function tunnel(port: number) {
    const heads: string[] = [];
    const server = await rawServer((socket) => {
      socket.once('data', (head) => {
        heads.push(String(head));
        const onward = net.connect(port, '127.0.0.1', () =>
          socket.write('HTTP/1.1 200 Connection established\r\n\r\n'),
        );
        socket.pipe(onward).pipe(socket);
        onward.on('error', () => socket.destroy());
      });
    });
    return { server, heads };
  }

  it('tunnels https by CONNECT, verifies the target, and uses the tunnel again', async () => {
    const authority = makeAuthority();
    const target = await httpsServer(authority.issue({ names: ['target.test'] }), (request, response) => {
      response.end(`hello ${request.headers.host}`);
    });
    const { server, heads } = await tunnel(target.port);
    const client = createHttpClient({
      proxyUrl: new Secret(`http://me:secret@127.0.0.1:${server.port}`),
      tls: { caPem: authority.cert },
    });
    for (let i = 0; i < 3; i++) {
      const got = await client.request({ method: 'GET', url: new URL('https://target.test/x'), signal });
      expect(got.body.toString()).to.equal('hello target.test');
    }
    expect(heads).to.have.length(1);
    expect(heads[0]).to.match(
      /^CONNECT target\.test:443 HTTP\/1\.1\r\nhost: target\.test:443\r\nproxy-authorization: Basic /i,
    );
    const wrong = await client.request({ method: 'GET', url: new URL('https://other.test/'), signal }).catch((e) => e);
    expect(wrong.message).to.match(/^GET https:\/\/other\.test\/: .*altnames/i);
    client.close();
    await until(() => server.open === 0);
  });

  it('sends headers of the proxy with CONNECT and nowhere else; credentials of its URL win', async () => {
    const authority = makeAuthority();
    const seen: string[] = [];
    const target = await httpsServer(authority.issue({ names: ['target.test'] }), (request, response) => {
      seen.push(...Object.keys(request.headers));
      response.end();
    });
    const { server, heads } = await tunnel(target.port);
    const client = createHttpClient({
      proxyUrl: new Secret(`http://me:secret@127.0.0.1:${server.port}`),
      proxyConnectHeaders: new Map([
        ['X-Team', [new Secret('dns'), new Secret('net')]],
        ['Proxy-Authorization', [new Secret('Bearer other')]],
      ]),
      tls: { caPem: authority.cert },
    });
    await client.request({ method: 'GET', url: new URL('https://target.test/x'), signal });
    const basic = Buffer.from('me:secret').toString('base64');
    expect(heads[0]!.toLowerCase()).to.include('x-team: dns\r\nx-team: net\r\n').and.not.include('other');
    expect(heads[0]).to.include(`Basic ${basic}`);
    expect(seen).to.not.include('x-team').and.not.include('proxy-authorization');
    client.close();
  });

  it('says what the proxy answered when it refuses, and no password', async () => {
    const proxy = await httpServer(() => {});
    const refusing = await rawServer((socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n'),
      );
    });
    expect(proxy.port).to.not.equal(refusing.port);
    const client = createHttpClient({ proxyUrl: new Secret(`http://me:secret@127.0.0.1:${refusing.port}`) });
    const error = await client.request({ method: 'GET', url: new URL('https://target.test/'), signal }).catch((e) => e);
    expect(error.message).to.equal(
      `GET https://target.test/: proxy http://127.0.0.1:${refusing.port}/: CONNECT target.test:443: the proxy answered 407`,
    );
    client.close();
  });

  it('gives up a tunnel that never opens when the request is aborted', async () => {
    const stuck = await rawServer((socket) => socket.resume());
    const client = createHttpClient({ proxyUrl: new Secret(`http://127.0.0.1:${stuck.port}`) });
    const ending = new AbortController();
    const asked = client.request({ method: 'GET', url: new URL('https://target.test/'), signal: ending.signal });
    const failed = asked.catch((e) => e);
    await until(() => stuck.open === 1);
    ending.abort(new Error('enough'));
    expect((await failed).message).to.equal('enough');
    await until(() => stuck.open === 0);
    client.close();
  });

  it('uses the proxy of the environment when told to, and only then', async () => {
    const proxy = await httpServer((_request, response) => response.end('by proxy'));
    setProxyEnvironment({ HTTP_PROXY: `127.0.0.1:${proxy.port}` });
    const client = createHttpClient({ proxyFromEnvironment: true });
    const url = new URL('http://target.test/');
    expect((await client.request({ method: 'GET', url, signal })).body.toString()).to.equal('by proxy');
    client.close();
    setProxyEnvironment({});
    const direct = await httpServer((_request, response) => response.end('direct'));
    const plain = createHttpClient();
    const near = new URL(`http://127.0.0.1:${direct.port}/`);
    expect((await plain.request({ method: 'GET', url: near, signal })).body.toString()).to.equal('direct');
    plain.close();
  });

  it('refuses a proxy URL of another kind without showing it', () => {
    const make = () => createHttpClient({ proxyUrl: new Secret('socks5://me:secret@127.0.0.1:1') });
    expect(make).to.throw('the proxy URL must be http:// or https://, not socks5://');
    const broken = () => createHttpClient({ proxyUrl: new Secret('http://me:secret@:::') });
    expect(broken).to.throw(/^the proxy URL is not a valid URL$/);
  });
});

describe('the choice of a proxy', () => {
  const PROXY = 'http://proxy.test:3128/';
  const exempts = (noProxy: string, url: string, exempt = true) =>
    it(`${noProxy} ${exempt ? 'exempts' : 'does not exempt'} ${url}`, () => {
      const chosen = proxyChooser({ proxyUrl: PROXY, noProxy })(new URL(url));
      expect(chosen?.href).to.equal(exempt ? undefined : PROXY);
    });
  exempts('*', 'http://a.test/');
  exempts('a.test', 'http://a.test/');
  exempts('a.test', 'http://b.a.test/');
  exempts('a.test', 'http://ba.test/', false);
  exempts('.a.test', 'http://a.test/', false);
  exempts('.a.test', 'http://b.a.test/');
  exempts('*.a.test', 'http://b.a.test/');
  exempts('A.Test', 'http://a.test./');
  exempts('x, a.test:8080', 'http://a.test:8080/');
  exempts('a.test:8080', 'http://a.test/', false);
  exempts('a.test:443', 'https://a.test/');
  exempts('10.0.0.0/8', 'http://10.1.2.3/');
  exempts('10.0.0.0/8', 'http://11.1.2.3/', false);
  exempts('10.1.2.3', 'http://10.1.2.3/');
  exempts('2.3', 'http://10.1.2.3/', false);
  exempts('fd00::/8', 'http://[fd00::1]/');
  exempts('[fd00::1]:80', 'http://[fd00::1]/');
  exempts('fd00::1', 'http://[fd00::1]/');
  exempts('other.test', 'http://localhost/');
  exempts('other.test', 'http://127.3.2.1/');
  exempts('other.test', 'http://[::1]/');

  it('sends everything, loopback too, to a proxy that is named alone', () => {
    expect(proxyChooser({ proxyUrl: PROXY })(new URL('http://localhost/'))?.href).to.equal(PROXY);
  });

  it('follows the variables of the environment that is handed in', () => {
    const choose = proxyChooser({
      environment: { HTTP_PROXY: 'plain.test:1', https_proxy: 'https://secure.test:2', NO_PROXY: 'no.test' },
    });
    expect(choose(new URL('http://a.test/'))?.href).to.equal('http://plain.test:1/');
    expect(choose(new URL('https://a.test/'))?.href).to.equal('https://secure.test:2/');
    expect(choose(new URL('http://no.test/'))).to.equal(undefined);
    const socks = proxyChooser({ environment: { HTTP_PROXY: 'socks5://me:secret@a.test' } });
    expect(socks(new URL('http://localhost/'))).to.equal(undefined);
    expect(() => socks(new URL('http://b.test/'))).to.throw(
      /^HTTP_PROXY must be http:\/\/ or https:\/\/, not socks5:\/\/$/,
    );
    expect(proxyChooser({})(new URL('http://a.test/'))).to.equal(undefined);
  });
});
