import { inspect } from 'node:util';
import { expect } from 'chai';
import type { Extension, ExtensionFactory, Factory } from '#component';
import * as s from '#config';
import { parse } from '#config';
import { createHttpClient, createHttpServer, httpServerFields, httpServerOptions } from '#http';
import basicauth from '../../../extensions/basicauth/basicauth.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const never = new AbortController().signal;
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('extension basicauth, as a guard of servers', () => {
  const ends: (() => unknown)[] = [];
  let host: FakeHost;
  let tree: Tree;

  beforeEach(() => {
    host = fakeHost('extension', 'basicauth');
    tree = makeTree();
  });
  afterEach(async () => {
    expect(inspect(host.logs, { depth: 9 })).to.not.contain('CANARY');
    for (const end of ends.splice(0)) await end();
    tree.remove();
  });

  const make = (factory: Factory, options: Record<string, unknown>): Extension => {
    const { create, config } = factory as ExtensionFactory;
    return create(parse(config, options), host);
  };

  /** A server behind the extension; gives its status for a header. */
  async function behind(extension: Extension) {
    await extension.start?.(never);
    host.extensions.set('door', extension);
    const config = parse(s.object(httpServerFields), { endpoint: '127.0.0.1:0', auth: { authenticator: 'door' } });
    const server = createHttpServer({
      ...httpServerOptions(config, host),
      handle: () => ({ status: 200, body: 'in' }),
    });
    await server.start();
    const client = createHttpClient();
    ends.push(
      () => server.stop(AbortSignal.abort()),
      () => client.close(),
    );
    return async (authorization?: string) => {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const url = new URL(`http://${server.address()}/`);
      return client.request({ method: 'GET', url, headers, signal: never });
    };
  }

  it('lets in whoever is in the file, and asks all others for a password', async () => {
    tree.write({ users: 'me:$apr1$r31....$L46HBjwRXZnONYa2C4Dy8.\nyou:CANARY-plain\n' });
    const ask = await behind(make(basicauth, { htpasswd: { file: `${tree.path}/users` } }));
    for (const good of ['me:a', 'you:CANARY-plain']) expect((await ask(basic(good))).body.toString()).to.equal('in');
    expect((await ask(basic('me:a').replace('Basic', 'bAsIc '))).status).to.equal(200);
    for (const bad of [
      undefined,
      basic('me:b'),
      basic('me'),
      basic(':'),
      'Bearer a',
      'Basic',
      'Basic !',
      basic('they:a'),
    ]) {
      const { status, headers, body } = await ask(bad);
      expect(status, bad).to.equal(401);
      expect(headers['www-authenticate']).to.equal('Basic realm="dnscol", charset="UTF-8"');
      expect(body.toString()).to.equal('credentials are wanted here\n');
    }
  });

  it('lets in whoever is in the configuration or in the file', async () => {
    tree.write({ users: 'me:CANARY-1' });
    const htpasswd = { file: `${tree.path}/users`, inline: 'you:CANARY-2' };
    const ask = await behind(make(basicauth, { htpasswd }));
    for (const good of ['me:CANARY-1', 'you:CANARY-2']) expect((await ask(basic(good))).status).to.equal(200);
  });

  it('reads the file again when it changes, and keeps its users while that cannot be used', async () => {
    tree.write({ users: 'me:CANARY-1' });
    const ask = await behind(make(basicauth, { htpasswd: { file: `${tree.path}/users` } }));
    expect((await ask(basic('me:CANARY-1'))).status).to.equal(200);
    tree.write({ users: 'me:CANARY-22' });
    expect((await ask(basic('me:CANARY-1'))).status).to.equal(401);
    expect((await ask(basic('me:CANARY-22'))).status).to.equal(200);
    tree.write({ users: 'me:CANARY-22\nCANARY broken' });
    expect((await ask(basic('me:CANARY-22'))).status).to.equal(200);
    expect(host.logs.map(({ message }) => message)).to.deep.equal(['the users stay as they were']);
  });

  it('does not start with a file that cannot be used', async () => {
    tree.write({ users: 'me:$y$CANARY' });
    const error = await make(basicauth, { htpasswd: { file: `${tree.path}/users` } }).start!(never).catch((e) => e);
    expect(error.message).to.match(/^cannot use the htpasswd file .*users$/);
    expect(error.cause.message).to.match(/^line 1 is hashed in a way/);
    expect(inspect(error, { depth: 9 })).to.not.contain('CANARY');
  });

  it('has a server not start behind an extension that lets nobody in', async () => {
    host.extensions.set('door', make(basicauth, { client_auth: { username: 'me' } }));
    const config = parse(s.object(httpServerFields), { endpoint: '127.0.0.1:0', auth: { authenticator: 'door' } });
    const server = createHttpServer({ ...httpServerOptions(config, host), handle: () => ({ status: 200, body: '' }) });
    const error = await server.start().catch((e) => e);
    expect(error.message).to.equal('the extension door cannot authenticate requests that come in');
  });

  const refuses = (options: Record<string, unknown>, words: string) =>
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => parse((basicauth as ExtensionFactory).config, options))
        .to.throw(words)
        .and.satisfy((e: Error) => !e.message.includes('CANARY'));
    });
  refuses({ htpasswd: {} }, 'htpasswd: needs file or inline');
  refuses({ htpasswd: { inline: 'me:CANARY\nCANARY' } }, 'htpasswd.inline: line 2 has no user and password');
  refuses({ htpasswd: { inline: 'a:b' }, client_auth: {} }, 'htpasswd: cannot be set together with client_auth');
});
