import { expect } from 'chai';
import type { Authenticator } from '#component';
import { Secret } from '#config';
import { createHttpClient, type HttpClientOptions } from '#http';
import { isDomainOrSubdomain, redirectTarget } from '../../src/http/redirect.ts';
import { closeServers, httpServer, readAll } from '../support/servers.ts';

describe('http client redirects', () => {
  afterEach(closeServers);

  interface Seen {
    method: string;
    host: string;
    authorization: boolean;
    cookie: boolean;
    key: boolean;
    body: string;
    type: string | undefined;
  }

  /** Servers that each redirect to the next, by the given host names; what each was sent. */
  async function chain(hosts: string[], options: HttpClientOptions, status = 302, method = 'GET') {
    const seen: Seen[] = [];
    const servers: { port: number }[] = [];
    for (const index of hosts.keys()) {
      servers[index] = await httpServer(async (request, response) => {
        const { authorization, cookie, host = '' } = request.headers;
        seen.push({
          method: request.method ?? '',
          host: host.split(':')[0]!,
          authorization: authorization !== undefined,
          cookie: cookie !== undefined,
          key: request.headers['x-api-key'] !== undefined,
          body: String(await readAll(request)),
          type: request.headers['content-type'],
        });
        const next = servers[index + 1];
        if (next) response.writeHead(status, { location: `http://${hosts[index + 1]}:${next.port}/next` });
        response.end('x'.repeat(100_000));
      });
    }
    const client = createHttpClient(options);
    const url = new URL(`http://${hosts[0]}:${servers[0]!.port}/`);
    const signal = new AbortController().signal;
    const got = await client.request({
      method,
      url,
      signal,
      headers: { cookie: 'session=abc', 'content-type': 'text/x' },
      maxBody: 200_000,
      ...(method === 'POST' ? { body: Buffer.from('data') } : {}),
    });
    client.close();
    return { seen, got };
  }
  const secrets: HttpClientOptions = {
    followRedirects: true,
    headers: new Map([['X-Api-Key', new Secret('k')]]),
    authenticator: { authenticate: async () => ({ authorization: 'Bearer t' }) },
  };

  const carries = (what: string, hosts: string[], want: boolean[]) =>
    it(what, async () => {
      const { seen } = await chain(hosts, secrets);
      expect(seen.map((hop) => hop.authorization)).to.deep.equal(want);
      expect(seen.map((hop) => hop.cookie)).to.deep.equal(want);
      expect(seen.map((hop) => hop.key)).to.deep.equal(want);
    });
  carries('take credentials to another port of the same host', ['127.0.0.1', '127.0.0.1'], [true, true]);
  carries('leave credentials behind at another host', ['127.0.0.1', 'localhost'], [true, false]);
  carries('compare with the first host', ['127.0.0.1', 'localhost', 'localhost'], [true, false, false]);
  carries('never take credentials back up', ['127.0.0.1', 'localhost', '127.0.0.1'], [true, false, false]);

  it('never ask the authenticator about the refusal of a stranger', async () => {
    const stranger = await httpServer((_request, response) => response.writeHead(401).end());
    const first = await httpServer((_request, response) =>
      response.writeHead(307, { location: `http://localhost:${stranger.port}/` }).end(),
    );
    let asked = 0;
    const authenticator: Authenticator = {
      authenticate: async () => ({ authorization: 'Bearer t' }),
      refused: () => ({ again: ++asked > 0 }),
    };
    const client = createHttpClient({ followRedirects: true, authenticator });
    const url = new URL(`http://127.0.0.1:${first.port}/`);
    const { status } = await client.request({ method: 'GET', url, signal: new AbortController().signal });
    expect([status, asked]).to.deep.equal([401, 0]);
    client.close();
  });

  it('are answered as they are when not followed', async () => {
    const { seen, got } = await chain(['127.0.0.1', '127.0.0.1'], {});
    expect([got.status, seen.length]).to.deep.equal([302, 1]);
  });

  it('are ten at most', async () => {
    const eleven = Array<string>(11).fill('127.0.0.1');
    expect((await chain(eleven, { followRedirects: true })).got.status).to.equal(200);
    const error = await chain([...eleven, '127.0.0.1'], { followRedirects: true }).catch((e) => e);
    expect(error.message).to.match(/^GET http:.*: more than 10 redirects$/);
  });

  it('turn a POST into a GET without body on 301, 302 and 303, and keep it on 307 and 308', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const { seen } = await chain(['127.0.0.1', '127.0.0.1'], { followRedirects: true }, status, 'POST');
      const { method, body, type } = seen[1]!;
      const want = status < 307 ? ['GET', '', undefined] : ['POST', 'data', 'text/x'];
      expect([method, body, type]).to.deep.equal(want);
    }
  });

  describe('lead', () => {
    const first = new URL('http://127.0.0.1:80/a/b?c');
    const leads = (location: string, to: string) =>
      it(`${location} to ${to}`, () => {
        expect(redirectTarget(location, first, first).href).to.equal(to);
      });
    leads('d', 'http://127.0.0.1/a/d');
    leads('/d?e', 'http://127.0.0.1/d?e');
    leads('//example.com/d', 'http://example.com/d');
    leads('http://user:pass@example.com/', 'http://example.com/');

    const nowhere = (location: string, why: string) =>
      it(`${location} nowhere`, () => {
        expect(() => redirectTarget(location, first, first)).to.throw(why);
      });
    nowhere('file:///etc/passwd', 'refuses to follow a redirect to file:');
    nowhere('unix:///run/x.sock', 'refuses to follow a redirect to unix:');
    nowhere('http://', 'no valid Location');
    nowhere('http://169.254.169.254/latest/meta-data', 'metadata address');
    nowhere('http://0xA9FEA9FE/', 'metadata address');
    nowhere('http://[::ffff:169.254.169.254]/', 'metadata address');

    it('within the metadata address when that is where the request went', () => {
      const metadata = new URL('http://169.254.169.254/');
      expect(redirectTarget('/x', metadata, metadata).href).to.equal('http://169.254.169.254/x');
    });
  });

  it('take credentials to a host below the first, and to no other', () => {
    expect(isDomainOrSubdomain('a.example.com', 'example.com')).to.equal(true);
    expect(isDomainOrSubdomain('notexample.com', 'example.com')).to.equal(false);
    expect(isDomainOrSubdomain('fe80::1%eth0', 'eth0')).to.equal(false);
  });
});
