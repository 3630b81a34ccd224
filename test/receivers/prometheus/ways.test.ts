/** How targets are reached: TLS with files that change, and proxies. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { makeAuthority } from '../../support/certificates.ts';
import { closeServers, httpServer, httpsServer, rawServer, type TestServer } from '../../support/servers.ts';
import { reported, rig, samples, stopRigs } from './rig.ts';

describe('receivers/prometheus ways', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-ways-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  /** As a rotation does it: the new file is complete when it gets its name. */
  const put = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
    return path;
  };
  const scrapeOf = ({ port }: { port: number }, more: object) => ({
    job_name: 'test',
    scheme: 'https',
    static_configs: [{ targets: [`localhost:${port}`], labels: { instance: 'i' } }],
    ...more,
  });

  it('of TLS take new certificates from their files, without a reload', async () => {
    const authorities = [makeAuthority('first'), makeAuthority('second')] as const;
    const shown: string[] = [];
    const page = (request: IncomingMessage, response: ServerResponse) => {
      shown.push((request.socket as TLSSocket).getPeerCertificate().issuer.CN as string);
      response.setHeader('content-type', 'text/plain').end('a 1\n');
    };
    /** A server that takes and shows certificates of one authority alone. */
    const serve = (authority: (typeof authorities)[number], port?: number): Promise<TestServer> =>
      httpsServer(
        { ...authority.issue(), ca: authority.cert, requestCert: true, rejectUnauthorized: true },
        page,
        port,
      );
    const rotate = (authority: (typeof authorities)[number]) => {
      const { cert, key } = authority.issue({ commonName: 'dnscol' });
      return { ca_file: put('ca', authority.cert), cert_file: put('cert', cert), key_file: put('key', key) };
    };
    const tls_config = rotate(authorities[0]);
    const server = await serve(authorities[0]);
    const { scrape } = await rig([scrapeOf(server, { tls_config })]);
    expect(samples(await scrape())).to.deep.equal({ a: 1 });
    await server.close();
    await serve(authorities[1], server.port);
    expect(reported(await scrape()).up, 'with the old ones').to.equal(0);
    rotate(authorities[1]);
    expect(samples(await scrape())).to.deep.equal({ a: 1 });
    expect(shown).to.deep.equal(['first', 'second']);
  });

  it('lead through a proxy, told by its own headers', async () => {
    const authority = makeAuthority();
    const target = await httpsServer(authority.issue(), (request, response) => {
      response.setHeader('content-type', 'text/plain').end(`a{seen="${request.headers['x-team'] ?? ''}"} 1\n`);
    });
    const heads: string[] = [];
    const proxy = await rawServer((socket) => {
      socket.once('data', (head) => {
        heads.push(String(head));
        const onward = net.connect(target.port, '127.0.0.1', () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
        onward.on('error', () => socket.destroy());
        socket.pipe(onward).pipe(socket);
      });
    });
    const { scrape } = await rig([
      scrapeOf(target, {
        tls_config: { ca: authority.cert },
        proxy_url: `http://127.0.0.1:${proxy.port}`,
        proxy_connect_header: { 'X-Team': ['dns'], 'Proxy-Authorization': ['Bearer secret'] },
      }),
    ]);
    expect(samples(await scrape())).to.deep.equal({ a: 1 });
    expect(heads[0]!.toLowerCase()).to.include(`connect localhost:${target.port} `).and.include('x-team: dns\r\n');
    expect(heads[0]).to.include('Bearer secret');
  });

  it('lead by a token of oauth2, which another host does not see', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = await httpServer((request, response) => {
      seen.push(request.headers.authorization);
      response.setHeader('content-type', 'text/plain').end('a 1\n');
    });
    const first = await httpServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { location: `http://127.0.0.1:${elsewhere.port}/` }).end();
    });
    const tokens = await httpServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end('{"access_token":"t","expires_in":36000}');
    });
    const oauth2 = { client_id: 'me', client_secret: 's', token_url: `http://127.0.0.1:${tokens.port}/` };
    const { scrape } = await rig([scrapeOf(first, { scheme: 'http', oauth2 })]);
    expect(samples(await scrape())).to.deep.equal({ a: 1 });
    expect(seen).to.deep.equal(['Bearer t', undefined]);
    await scrape();
    expect(tokens.made, 'one token for all scrapes').to.equal(1);
  });
});
