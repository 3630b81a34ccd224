import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Secret } from '#config';
import { createHttpClient, createHttpServer, type HttpServer, type TlsClientOptions } from '#http';
import { type Authority, type CertificateOptions, makeAuthority } from '../support/certificates.ts';
import { FakeClock } from '../support/clock.ts';
import { closeServers, httpsServer } from '../support/servers.ts';

const signal = new AbortController().signal;

describe('tls', () => {
  let folder: string;
  let authority: Authority;
  const servers: HttpServer[] = [];

  before(() => {
    authority = makeAuthority();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-'));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true });
    await Promise.all(servers.splice(0).map((server) => server.stop(AbortSignal.abort())));
    await closeServers();
  });
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };

  /** The body or the error's message. */
  async function ask(port: number, tls: TlsClientOptions, host = 'localhost'): Promise<string> {
    const client = createHttpClient({ tls });
    try {
      const got = await client.request({ method: 'GET', url: new URL(`https://${host}:${port}/`), signal });
      return got.body.toString();
    } catch (error) {
      return (error as Error).message;
    } finally {
      client.close();
    }
  }

  describe('client', () => {
    const target = async (options: CertificateOptions = {}) =>
      (await httpsServer(authority.issue(options), (_request, response) => response.end('hello'))).port;

    const judges = (
      what: string,
      certificate: CertificateOptions,
      tls: TlsClientOptions,
      says: RegExp,
      host?: string,
    ) =>
      it(what, async () => {
        const given = tls.caPem === '' ? tls : { caPem: authority.cert, ...tls };
        expect(await ask(await target(certificate), given, host)).to.match(says);
      });
    judges('takes a good certificate', {}, {}, /^hello$/);
    judges('takes a good certificate for an address', {}, {}, /^hello$/, '127.0.0.1');
    judges('refuses an unknown authority', {}, { caPem: '' }, /self-signed|unable to (verify|get)/);
    judges('takes anything with insecureSkipVerify', { names: [] }, { caPem: '', insecureSkipVerify: true }, /^hello$/);
    judges('refuses another name', { names: ['other.test'] }, {}, /altnames/);
    judges('refuses a name in the CN alone', { commonName: 'localhost', names: [] }, {}, /no subjectAltName/);
    judges('refuses an expired certificate', { notBefore: -20, notAfter: -10 }, {}, /expired/);
    judges('refuses one that is not yet valid', { notBefore: 10 }, {}, /not yet valid/);
    judges('expects the name of the settings', { names: ['other.test'] }, { serverName: 'other.test' }, /^hello$/);
    judges(
      'refuses a server that is too old',
      {},
      { minVersion: '1.3', maxVersion: '1.3', cipherSuites: [] },
      /^hello$/,
    );

    it('shows its certificate', async () => {
      const issued = authority.issue();
      const { port } = await httpsServer(
        { ...issued, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
        (_request, response) => response.end('known'),
      );
      expect(await ask(port, { caPem: authority.cert })).to.match(/certificate required|ECONNRESET|hang up/);
      const shown = authority.issue();
      const tls = { caPem: authority.cert, certPem: shown.cert, keyPem: new Secret(shown.key) };
      expect(await ask(port, tls)).to.equal('known');
    });

    it('says which file it cannot use', async () => {
      const port = await target();
      expect(await ask(port, { caFile: join(folder, 'none.pem') })).to.match(
        /cannot read the CA certificates file .*none\.pem$/,
      );
      expect(await ask(port, { caFile: file('empty.pem', '') })).to.match(/no certificate in .*empty\.pem$/);
    });

    it('uses new files for the next connection, and keeps the old while the new are half written', async () => {
      const second = makeAuthority('second');
      const ca = file('ca.pem', second.cert);
      const port = await target();
      const warnings: string[] = [];
      const clock = new FakeClock();
      const client = createHttpClient(
        { keepAlive: false, tls: { caFile: ca, reloadInterval: 1000 }, warn: (message) => warnings.push(message) },
        clock,
      );
      const url = new URL(`https://localhost:${port}/`);
      const get = () =>
        client.request({ method: 'GET', url, signal }).then(
          (got) => got.body.toString(),
          () => 'refused',
        );
      expect(await get()).to.equal('refused');
      writeFileSync(ca, authority.cert);
      expect(await get()).to.equal('refused');
      await clock.advance(1000);
      expect(await get()).to.equal('hello');
      writeFileSync(ca, authority.cert.slice(0, 200));
      await clock.advance(1000);
      expect(await get()).to.equal('hello');
      expect(warnings).to.deep.equal(['the TLS files changed but cannot be used; the old ones stay in use']);
      client.close();
    });
  });

  describe('server', () => {
    async function serve(tls: Parameters<typeof createHttpServer>[0]['tls']): Promise<number> {
      const server = createHttpServer({ endpoint: '127.0.0.1:0', tls, handle: () => ({ status: 200, body: 'page' }) });
      servers.push(server);
      await server.start();
      return Number(server.address().split(':')[1]);
    }
    const files = (options?: CertificateOptions) => {
      const { cert, key } = authority.issue(options);
      return { certFile: file('cert.pem', cert), keyFile: file('key.pem', key) };
    };

    it('serves https', async () => {
      expect(await ask(await serve(files()), { caPem: authority.cert })).to.equal('page');
    });

    it('wants a certificate of the client when told which authorities may sign it', async () => {
      const port = await serve({ ...files(), clientCaFile: file('ca.pem', authority.cert) });
      expect(await ask(port, { caPem: authority.cert })).to.match(/required|ECONNRESET|hang up/);
      const mine = authority.issue();
      const known = { caPem: authority.cert, certPem: mine.cert, keyPem: new Secret(mine.key) };
      expect(await ask(port, known)).to.equal('page');
      const stranger = makeAuthority('stranger').issue();
      const unknown = { caPem: authority.cert, certPem: stranger.cert, keyPem: new Secret(stranger.key) };
      expect(await ask(port, unknown)).to.not.equal('page');
    });

    it('shows new certificates without a restart, and the old while the pair does not fit', async () => {
      const port = await serve(files());
      const rotated = authority.issue({ names: ['rotated.test'] });
      const asRotated = { caPem: authority.cert, serverName: 'rotated.test' };
      file('cert.pem', rotated.cert);
      expect(await ask(port, { caPem: authority.cert })).to.equal('page');
      file('key.pem', rotated.key);
      expect(await ask(port, asRotated)).to.equal('page');
    });

    it('refuses to start with a key of another certificate', async () => {
      const { certFile } = files();
      const keyFile = file('other.pem', authority.issue().key);
      expect(await serve({ certFile, keyFile }).catch((error) => error.message)).to.match(/mismatch/);
    });

    it('answers plain text with nothing but a closed connection', async () => {
      const port = await serve(files());
      const socket = net.connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      let said = '';
      await new Promise((resolve) => {
        socket
          .on('data', (chunk) => {
            said += chunk;
          })
          .on('error', () => {})
          .on('close', resolve);
      });
      expect(said).to.not.contain('page');
    });
  });
});
