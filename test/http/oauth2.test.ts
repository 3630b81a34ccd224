import type http from 'node:http';
import { expect } from 'chai';
import { Secret } from '#config';
import { createHttpClient, createOauth2, type Oauth2, type Oauth2Options } from '#http';
import { FakeClock, settle } from '../support/clock.ts';
import { closeServers, httpServer, readAll, until } from '../support/servers.ts';
import { makeTree } from '../support/tree.ts';

const never = new AbortController().signal;
const SECRET = 'CANARY-of-the-client/+ ';

interface Asked {
  authorization: string | undefined;
  form: Record<string, string>;
}
type Reply = { status?: number; type?: string; body: unknown };

describe('oauth2', () => {
  const made: Oauth2[] = [];
  let clock: FakeClock;
  let asked: Asked[];

  beforeEach(() => {
    clock = new FakeClock();
    asked = [];
  });
  afterEach(async () => {
    for (const one of made.splice(0)) one.stop();
    await closeServers();
  });

  /** An authorization server that answers the n-th request so. */
  async function tokens(reply: (n: number, asked: Asked) => Reply | Promise<Reply>): Promise<string> {
    const server = await httpServer(async (request: http.IncomingMessage, response) => {
      const form = Object.fromEntries(new URLSearchParams((await readAll(request)).toString()));
      const one = { authorization: request.headers.authorization, form };
      asked.push(one);
      const { status = 200, type = 'application/json', body } = await reply(asked.length, one);
      response.writeHead(status, { 'content-type': type });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    return `http://127.0.0.1:${server.port}/token`;
  }
  const make = (tokenUrl: string, more: Partial<Oauth2Options> = {}) => {
    const one = createOauth2(
      { tokenUrl, clientId: { value: 'me' }, clientSecret: { value: new Secret(SECRET) }, ...more },
      clock,
    );
    made.push(one);
    return one;
  };
  const header = async (one: Oauth2): Promise<string> => {
    const request = { method: 'POST', url: new URL('http://h/'), headers: {}, body: new Uint8Array() };
    return (await one.authenticate(request, never)).authorization!;
  };
  const failure = (work: Promise<unknown>): Promise<Error> =>
    work.then(
      () => expect.fail('it got a token'),
      (e) => e,
    );

  it('asks by the client credentials grant, id and secret form-encoded in the header', async () => {
    const url = await tokens((n) => ({ body: { access_token: `t${n}`, token_type: 'bearer', expires_in: 3600 } }));
    const one = make(url, { scopes: ['a', 'b'], endpointParams: new Map([['audience', ['x y']]]) });
    expect(await header(one)).to.equal('Bearer t1');
    const basic = Buffer.from('me:CANARY-of-the-client%2F%2B+').toString('base64');
    expect(asked).to.deep.equal([
      { authorization: `Basic ${basic}`, form: { grant_type: 'client_credentials', scope: 'a b', audience: 'x y' } },
    ]);
  });

  it('asks once for all who wait, and again shortly before the token ends', async () => {
    const url = await tokens((n) => ({ body: { access_token: `t${n}`, expires_in: '3600' } }));
    const one = make(url, { expiryBuffer: 300_000 });
    const all = await Promise.all(Array.from({ length: 30 }, () => header(one)));
    expect(new Set(all)).to.deep.equal(new Set(['Bearer t1']));
    await clock.advance(3_299_000);
    expect(await header(one)).to.equal('Bearer t1');
    expect(asked).to.have.length(1);
    await clock.advance(1000);
    await header(one);
    await until(() => asked.length === 2);
    for (let i = 0; i < 100 && (await header(one)) === 'Bearer t1'; i++) await settle();
    expect(await header(one)).to.equal('Bearer t2');
  });

  it('keeps a token without expires_in', async () => {
    const url = await tokens(() => ({ body: { access_token: 't' } }));
    const one = make(url);
    await header(one);
    await clock.advance(1e12);
    expect(await header(one)).to.equal('Bearer t');
    expect(asked).to.have.length(1);
  });

  it('puts id and secret into the form for a server that wants them there, from then on', async () => {
    const url = await tokens((n, { form }) =>
      form.client_secret === SECRET
        ? { body: { access_token: `t${n}`, expires_in: 100 } }
        : { status: 401, body: { error: 'invalid_client' } },
    );
    const one = make(url);
    expect(await header(one)).to.equal('Bearer t2');
    await clock.advance(200_000);
    expect(await header(one)).to.equal('Bearer t3');
    expect(asked.map(({ authorization }) => authorization !== undefined)).to.deep.equal([true, false, false]);
  });

  it('understands a form as the answer, and a scheme of its own', async () => {
    const type = 'application/x-www-form-urlencoded; charset=utf-8';
    const url = await tokens(() => ({ type, body: 'access_token=f&token_type=DPoP' }));
    expect(await header(make(url))).to.equal('DPoP f');
  });

  it("tells the server's own reason, without the secret", async () => {
    const body = { error: 'invalid_client', error_description: `no client has\n${SECRET}` };
    const url = await tokens(() => ({ status: 400, body }));
    const { message } = await failure(header(make(url)));
    expect(message).to.match(
      /^http:\/\/127.0.0.1:\d+\/token gave no OAuth 2.0 token: answered 400: invalid_client: no client has \[REDACTED\]$/,
    );
  });

  const useless = (what: string, reply: Reply, why: string) =>
    it(`gives no token for ${what}`, async () => {
      const { message } = await failure(header(make(await tokens(() => reply))));
      expect(message).to.contain(why);
    });
  useless('an empty object', { body: {} }, 'holds no access_token');
  useless('a page', { type: 'text/html', body: '<html>' }, 'neither JSON nor a form');
  useless('a list', { body: '[1]' }, 'holds no access_token');
  useless('null', { body: 'null' }, 'neither JSON nor a form');
  useless('a token with a line break', { body: { access_token: 'a\r\nX: y' } }, 'what no header may hold');
  useless('an error with status 200', { body: { error: 'slow_down', access_token: 't' } }, 'answered 200: slow_down');

  it('keeps the old token while it is good and no new one can be had', async () => {
    const url = await tokens((n) =>
      n === 1 ? { body: { access_token: 'old', expires_in: 600 } } : { status: 503, body: '' },
    );
    const warned: string[] = [];
    const one = make(url, { expiryBuffer: 300_000, warn: (message) => warned.push(message) });
    await header(one);
    await clock.advance(301_000);
    expect(await header(one)).to.equal('Bearer old');
    await until(() => warned.length === 1);
    expect(warned).to.deep.equal(['cannot replace the OAuth 2.0 token; the old one is still good']);
    await clock.advance(300_000);
    expect((await failure(header(one))).message).to.contain('answered 503');
  });

  it('gives up a server that does not answer', async () => {
    const url = await tokens(() => new Promise(() => {}));
    const one = make(url, { timeout: 2000 });
    const error = failure(header(one));
    await until(() => asked.length === 1);
    await clock.advance(2000);
    expect((await error).message).to.equal('timed out after 2 s');
  });

  it('reads the secret from its file for each token', async () => {
    const tree = makeTree({ secret: 'one\n' });
    const url = await tokens((n) => ({ body: { access_token: `t${n}`, expires_in: 10 } }));
    const one = make(url, { clientSecret: { file: `${tree.path}/secret` } });
    await header(one);
    tree.write({ secret: 'another' });
    await clock.advance(20_000);
    await header(one);
    const given = asked.map((a) => Buffer.from(a.authorization!.slice(6), 'base64').toString());
    expect(given).to.deep.equal(['me:one', 'me:another']);
    tree.remove();
  });

  it('replaces a token that was revoked, and sends the request once more', async () => {
    const url = await tokens((n) => ({ body: { access_token: `t${n}`, expires_in: 3600 } }));
    let good = 'Bearer t1';
    const seen: string[] = [];
    const api = await httpServer((request, response) => {
      seen.push(request.headers.authorization!);
      response.writeHead(request.headers.authorization === good ? 200 : 401);
      response.end();
    });
    const authenticator = make(url);
    const client = createHttpClient({ authenticator });
    const call = () => client.request({ method: 'GET', url: new URL(`http://127.0.0.1:${api.port}/`), signal: never });
    expect((await call()).status).to.equal(200);
    await clock.advance(60_000);
    good = 'Bearer t2';
    expect((await call()).status).to.equal(200);
    good = 'none';
    const refused = await call();
    expect([refused.status, refused.advice]).to.deep.equal([401, `the token is from ${url}`]);
    expect(seen).to.deep.equal(['Bearer t1', 'Bearer t1', 'Bearer t2', 'Bearer t2']);
    client.close();
  });
});
