import { inspect } from 'node:util';
import { gunzipSync, inflateSync } from 'node:zlib';
import { expect } from 'chai';
import * as s from '#config';
import {
  compressBody,
  httpClientFields,
  httpClientOptions,
  httpServerFields,
  httpServerOptions,
  isReservedHeader,
  parseListenAddress,
} from '#http';
import { fakeHost } from '../support/host.ts';

const client = s.object(httpClientFields);
const server = s.object(httpServerFields);

describe('confighttp client keys', () => {
  it('have the defaults of the Collector', () => {
    const config = s.parse(client, {});
    expect(config).to.include({ timeout: 5000, max_idle_conns: 100, max_conns_per_host: 0, idle_conn_timeout: 90_000 });
    const options = httpClientOptions(config, fakeHost('exporter'));
    expect(options).to.include({ keepAlive: true, maxConnections: 0, maxIdleConnections: 100, idleTimeout: 90_000 });
    expect(options.headers?.get('User-Agent')?.reveal()).to.equal('dnscol/0.0.0-test');
  });

  it('become the options of our client', () => {
    const config = s.parse(client, {
      endpoint: 'https://example.com/push',
      proxy_url: 'http://me:secret@proxy:3128',
      headers: { 'user-agent': 'mine', 'X-Scope-OrgID': 'tenant' },
      tls: {
        ca_file: '/ca.pem',
        cert_file: '/c.pem',
        key_file: '/k.pem',
        min_version: '1.3',
        server_name_override: 'x',
      },
      disable_keep_alives: true,
    });
    const options = httpClientOptions(config, fakeHost('exporter'));
    expect([...(options.headers ?? [])].map(([name, value]) => `${name}: ${value.reveal()}`)).to.deep.equal([
      'user-agent: mine',
      'X-Scope-OrgID: tenant',
    ]);
    expect(options.tls).to.deep.equal({
      insecureSkipVerify: false,
      includeSystemCas: false,
      minVersion: '1.3',
      caFile: '/ca.pem',
      certFile: '/c.pem',
      keyFile: '/k.pem',
      serverName: 'x',
    });
    expect(options.keepAlive).to.equal(false);
    expect(inspect(options)).to.not.match(/secret|tenant/);
  });

  it('find the authenticator among the extensions', () => {
    const host = fakeHost('exporter');
    const config = s.parse(client, { auth: { authenticator: 'sigv4auth' } });
    expect(() => httpClientOptions(config, host)).to.throw('no extension sigv4auth');
    host.extensions.set('sigv4auth', {});
    expect(() => httpClientOptions(config, host)).to.throw('the extension sigv4auth cannot authenticate requests');
    const authenticator = { authenticate: async () => ({}) };
    host.extensions.set('sigv4auth', { authenticator });
    expect(httpClientOptions(config, host).authenticator).to.equal(authenticator);
  });

  const refuses = (what: object, why: string) =>
    it(`refuse ${JSON.stringify(what)}`, () => {
      expect(() => s.parse(client, what)).to.throw(why);
    });
  refuses({ endpoint: 'example.com:4318' }, 'endpoint: must begin with http:// or https://, not example.com://');
  refuses({ endpoint: '/push' }, 'endpoint: must be a URL');
  refuses({ proxy_url: 'socks5://a:1' }, 'proxy_url: must be an http:// or https:// URL');
  refuses({ headers: { 'a b': 'c' } }, 'headers.a b: is not a valid header name');
  refuses({ headers: { 'Content-Length': '1' } }, 'headers.Content-Length: frames the message');
  refuses({ headers: { a: 'b\r\nc: d' } }, 'headers.a: has a value that no header may hold');
  refuses({ tls: { ca_file: 'a', ca_pem: 'b' } }, 'tls.ca_pem: cannot be set together with ca_file');
  refuses({ tls: { cert_file: 'a' } }, 'tls: has a certificate without its key');
  refuses({ tls: { key_file: 'a' } }, 'tls: has a key without its certificate');
  refuses({ tls: { min_version: '1.3', max_version: '1.2' } }, 'tls.max_version: must not be older');
  refuses({ tls: { min_version: '0.9' } }, 'tls.min_version: must be one of');
  refuses({ tls: { cipher_suites: ['TLS_RSA'] } }, "tls.cipher_suites[0]: is not a name that Go's crypto/tls knows");
  refuses({ compression: 'lz4' }, 'compression: must be one of');
  refuses({ cookies: { enabled: true } }, 'cookies.enabled: is not supported');
  refuses({ middlewares: [{ id: 'a' }] }, 'middlewares: is not supported');

  it('that have no meaning for HTTP/1.1 are accepted', () => {
    s.parse(client, { force_attempt_http2: false, http2_ping_timeout: '1s', read_buffer_size: 1, cookies: {} });
  });
});

describe('confighttp server keys', () => {
  it('have safe defaults', () => {
    const options = httpServerOptions(s.parse(server, { endpoint: 'localhost:9464' }), fakeHost('exporter'));
    expect(options).to.include({
      headTimeout: 10_000,
      requestTimeout: 30_000,
      writeTimeout: 30_000,
      idleTimeout: 60_000,
    });
    expect(options).to.not.have.any.keys('tls', 'cors');
  });

  const refuses = (what: object, why: string) =>
    it(`refuse ${JSON.stringify(what)}`, () => {
      expect(() => s.parse(server, { endpoint: 'a:1', ...what })).to.throw(why);
    });
  refuses({ endpoint: 'localhost' }, 'endpoint: must be host:port');
  refuses({ auth: {} }, 'auth.authenticator: is missing');
  refuses({ tls: { client_ca_file: 'ca.pem' } }, 'tls: needs a certificate');
});

describe('a listen address', () => {
  const reads = (text: string, want: object | RegExp) =>
    it(JSON.stringify(text), () => {
      const got = parseListenAddress(text);
      if (want instanceof RegExp) expect(got).to.match(want);
      else expect(got).to.deep.equal(want);
    });
  reads('localhost:80', { host: 'localhost', port: 80 });
  reads(':80', { host: '', port: 80 });
  reads('[::1]:80', { host: '::1', port: 80 });
  reads('0.0.0.0:0', { host: '0.0.0.0', port: 0 });
  reads('localhost', /must be host:port/);
  reads('::1:80', /must be host:port/);
  reads('[x]:80', /no IPv6 address/);
  reads('a b:80', /no valid host name/);
  reads('a:99999', /port above 65535/);
  reads('http://a:80', /must be host:port/);
});

describe('compressBody', () => {
  const body = Buffer.from('x'.repeat(1000));
  it('packs with gzip at a level', async () => {
    const packed = await compressBody('gzip', 9, body);
    expect(packed.encoding).to.equal('gzip');
    expect(gunzipSync(packed.body).equals(body)).to.equal(true);
  });
  it('writes the zlib format under both its names', async () => {
    for (const kind of ['zlib', 'deflate'] as const) {
      const packed = await compressBody(kind, undefined, body);
      expect(packed.encoding).to.equal(kind);
      expect(inflateSync(packed.body).equals(body)).to.equal(true);
    }
  });
  it('packs with zstd', async () => {
    const { zstdDecompressSync } = await import('node:zlib');
    expect(zstdDecompressSync((await compressBody('zstd', 3, body)).body).equals(body)).to.equal(true);
  });
  it('leaves the body alone for none', async () => {
    for (const kind of ['none', '', undefined] as const) {
      expect(await compressBody(kind, undefined, body)).to.deep.equal({ body });
    }
  });
});

describe('reserved headers', () => {
  it('are known whatever their case', () => {
    expect(['AUTHORIZATION', 'user-agent', 'X-Amz-Date'].every(isReservedHeader)).to.equal(true);
    expect(isReservedHeader('X-Scope-OrgID')).to.equal(false);
  });
});
