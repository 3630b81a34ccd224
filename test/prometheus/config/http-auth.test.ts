import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '#config';
import { httpClientOptions, prometheusConfig } from '#prometheus';
import { closeServers, httpServer } from '../../support/servers.ts';

const optionsOf = (more: object) =>
  httpClientOptions(parse(prometheusConfig, { scrape_configs: [{ job_name: 'a', ...more }] }).scrapes[0]!.http);

async function headersOf(more: object): Promise<Record<string, string>> {
  const { authenticator } = optionsOf(more);
  const request = { method: 'GET', url: new URL('http://a/'), headers: {}, body: new Uint8Array() };
  return authenticator ? authenticator.authenticate(request, new AbortController().signal) : {};
}

describe('prometheus/config HTTP client', () => {
  let folder: string;
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-auth-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(closeServers);

  const sends = (title: string, config: () => object, want: Record<string, string>) =>
    it(`sends ${title}`, async () => expect(await headersOf(config())).to.deep.equal(want));
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  sends('nothing by itself', () => ({}), {});
  sends('basic_auth', () => ({ basic_auth: { username: 'u', password: 'p:ä' } }), { authorization: basic('u:p:ä') });
  sends(
    'basic_auth from files, trimmed',
    () => ({ basic_auth: { username_file: file('user', 'u\n'), password_file: file('pass', 'p\n') } }),
    { authorization: basic('u:p') },
  );
  sends('bearer_token', () => ({ bearer_token: 't' }), { authorization: 'Bearer t' });
  sends('bearer_token_file', () => ({ bearer_token_file: file('token', ' t \n') }), { authorization: 'Bearer t' });
  sends('authorization of another type', () => ({ authorization: { type: 'Key', credentials: 'c' } }), {
    authorization: 'Key c',
  });
  sends(
    'http_headers of all three kinds',
    () => ({ http_headers: { 'X-A': { values: ['1'], secrets: ['2'], files: [file('header', '3\n')] } } }),
    { 'x-a': '1, 2, 3' },
  );

  it('sends a token of oauth2, beside http_headers, and asks for another when it is refused', async () => {
    const asked: string[] = [];
    const server = await httpServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        asked.push(`${request.headers.authorization} ${body}`);
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ access_token: `t${asked.length}`, expires_in: 3600 }));
      });
    });
    const oauth2 = {
      client_id: 'me',
      client_secret_file: file('secret', 'pass\n'),
      scopes: ['a', 'b'],
      endpoint_params: { audience: 'x' },
      token_url: `http://127.0.0.1:${server.port}/token`,
    };
    const { authenticator, onClose } = optionsOf({ oauth2, http_headers: { 'X-A': { values: ['1'] } } });
    const request = { method: 'GET', url: new URL('http://a/'), headers: {}, body: new Uint8Array() };
    const sent = await authenticator!.authenticate(request, new AbortController().signal);
    expect(sent).to.deep.equal({ authorization: 'Bearer t1', 'x-a': '1' });
    expect(asked).to.deep.equal([`${basic('me:pass')} grant_type=client_credentials&scope=a+b&audience=x`]);
    expect(authenticator!.refused).to.be.a('function');
    onClose!();
  });

  it('a rotated file counts from the next request on', async () => {
    const path = file('rotating', 'old');
    const { authenticator } = optionsOf({ bearer_token_file: path });
    const request = { method: 'GET', url: new URL('http://a/'), headers: {}, body: new Uint8Array() };
    const send = () => authenticator!.authenticate(request, new AbortController().signal);
    expect(await send()).to.deep.equal({ authorization: 'Bearer old' });
    file('rotating', 'new');
    expect(await send()).to.deep.equal({ authorization: 'Bearer new' });
  });

  it('a file that is not there is named', async () => {
    const error = await headersOf({ bearer_token_file: join(folder, 'none') }).catch((reason: Error) => reason);
    expect(error).to.have.property('message', `cannot read the authorization credentials from ${join(folder, 'none')}`);
  });

  it('tls_config becomes the client’s options', () => {
    const { tls } = optionsOf({
      tls_config: { ca_file: 'ca', server_name: 's', min_version: 'TLS12', insecure_skip_verify: true },
    });
    expect(tls).to.include({ caFile: 'ca', serverName: 's', minVersion: '1.2', insecureSkipVerify: true });
  });
});
