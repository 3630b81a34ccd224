import { inspect } from 'node:util';
import { expect } from 'chai';
import type { ExtensionFactory } from '#component';
import { parse } from '#config';
import factory from '../../../extensions/oauth2client/oauth2client.ts';
import { type AuthenticatorRig, authenticatorRig } from '../../support/authenticators.ts';
import { closeServers, httpServer, readAll } from '../../support/servers.ts';

const CLIENT = { client_id: 'me', client_secret: 'CANARY-secret' };

describe('extension oauth2client', () => {
  let rig: AuthenticatorRig;

  afterEach(async () => {
    expect(inspect(rig.host.logs, { depth: 9 })).to.not.contain('CANARY');
    await rig.close();
    expect(rig.host.clock.pending).to.equal(0);
    await closeServers();
  });

  it('adds the token that it gets with its options', async () => {
    const forms: unknown[] = [];
    const server = await httpServer(async (request, response) => {
      forms.push(Object.fromEntries(new URLSearchParams((await readAll(request)).toString())));
      response.end(JSON.stringify({ access_token: `CANARY-${forms.length}`, token_type: 'Bearer', expires_in: 3600 }));
    });
    rig = await authenticatorRig(factory, {
      ...CLIENT,
      token_url: `http://127.0.0.1:${server.port}/token`,
      scopes: ['a', 'b'],
      endpoint_params: { audience: 'x, y', resource: ['r'] },
    });
    await Promise.all([rig.send(), rig.send()]);
    expect(rig.seen.map(({ authorization }) => authorization)).to.deep.equal(Array(2).fill('Bearer CANARY-1'));
    expect(forms).to.deep.equal([{ grant_type: 'client_credentials', scope: 'a b', audience: 'x, y', resource: 'r' }]);
    await rig.host.clock.advance(3_299_000);
    await rig.send();
    expect(forms).to.have.length(1);
    await rig.host.clock.advance(302_000);
    await rig.send();
    expect(rig.seen.at(-1)!.authorization).to.equal('Bearer CANARY-2');
  });

  it('fails a request for which there is no token, as one to be sent again later', async () => {
    const server = await httpServer((_request, response) => response.writeHead(401).end('{"error":"invalid_client"}'));
    rig = await authenticatorRig(factory, { ...CLIENT, token_url: `http://127.0.0.1:${server.port}/token` });
    const error = await rig.send().catch((e) => e);
    expect(inspect(error, { depth: 9 }))
      .to.match(/gave no OAuth 2.0 token: answered 401: invalid_client/)
      .and.not.contain('CANARY');
    expect(rig.seen).to.deep.equal([]);
  });
});

describe('extension oauth2client, its configuration', () => {
  const { config } = factory as ExtensionFactory;
  const refuses = (options: Record<string, unknown>, words: string) =>
    it(`refuses ${JSON.stringify(options)}`, () => {
      const all = { ...CLIENT, token_url: 'https://h/t', ...options };
      expect(() => parse(config, all)).to.throw(words);
    });
  refuses({ client_id: '' }, 'needs client_id or client_id_file');
  refuses({ client_secret: '' }, 'needs client_secret or client_secret_file');
  refuses({ token_url: undefined }, 'token_url: must have a value');
  refuses({ token_url: 'h/t' }, 'token_url: must');
  refuses({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer' }, 'grant_type: is not supported');
  refuses({ grant_type: 'password' }, 'grant_type: must be one of client_credentials');
  refuses({ scopes: ['a'], endpoint_params: { scope: ['b'] } }, 'endpoint_params.scope: cannot be set with scopes');
  refuses({ claims: {} }, 'claims: is not an option');

  it('takes files in place of texts', () => {
    const files = { client_id_file: '/a', client_secret_file: '/b', token_url: 'https://h/t' };
    expect(parse(config, files)).to.include({ ...files, expiry_buffer: 300_000, timeout: 0 });
  });
});
