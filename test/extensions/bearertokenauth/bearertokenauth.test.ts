import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect } from 'chai';
import type { ExtensionFactory } from '#component';
import { parse } from '#config';
import factory from '../../../extensions/bearertokenauth/bearertokenauth.ts';
import { type AuthenticatorRig, authenticatorRig } from '../../support/authenticators.ts';
import { closeServers } from '../../support/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const never = new AbortController().signal;

describe('extension bearertokenauth', () => {
  let tree: Tree;
  let rig: AuthenticatorRig;
  const file = () => join(tree.path, 'token');
  const start = async (options: Record<string, unknown>, takes?: AuthenticatorRig['takes']) => {
    rig = await authenticatorRig(factory, options, takes);
    await rig.extension.start?.(never);
  };

  beforeEach(() => {
    tree = makeTree({ token: 'CANARY-1\n' });
  });
  afterEach(async () => {
    expect(inspect(rig.host.logs, { depth: 9 })).to.not.contain('CANARY');
    await rig.close();
    await closeServers();
    tree.remove();
  });

  const sends = (what: string, options: Record<string, unknown>, header: string, value: string) =>
    it(`sends ${what}`, async () => {
      await start(options);
      await rig.send();
      expect(rig.seen[0]![header]).to.equal(value);
    });
  sends('the token', { token: 'CANARY' }, 'authorization', 'Bearer CANARY');
  sends('the first of several tokens', { tokens: ['CANARY-a', 'CANARY-b'] }, 'authorization', 'Bearer CANARY-a');
  sends('with another scheme', { token: 'CANARY', scheme: 'Token' }, 'authorization', 'Token CANARY');
  sends('in another header, bare', { token: 'CANARY', scheme: '', header: 'X-API-Key' }, 'x-api-key', 'CANARY');

  it('sends what the file holds, a new text from the next request on', async () => {
    await start({ filename: file(), token: 'not this' });
    await rig.send();
    tree.write({ token: 'CANARY-22\nCANARY-other\n' });
    await rig.send();
    tree.write({ token: '' });
    await rig.send();
    tree.write({ token: undefined });
    await rig.send();
    tree.write({ token: 'CANARY-333' });
    await rig.send();
    const tokens = rig.seen.map(({ authorization }) => authorization);
    expect(tokens).to.deep.equal(['1', '22', '22', '22', '333'].map((n) => `Bearer CANARY-${n}`));
    expect(rig.host.logs.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
      'warn the bearer token stays as it was',
    ]);
  });

  it('has no request refused while the file is swapped under load', async () => {
    let good = 'Bearer CANARY-1';
    await start({ filename: file() }, ({ authorization }) => authorization === good);
    for (let n = 2; n < 40; n++) {
      const requests = Array.from({ length: 20 }, (_, i) => {
        if (i === 10) {
          // The server changes first: what is under way was signed with the old one.
          good = `Bearer CANARY-${n}`;
          tree.write({ next: `CANARY-${n}` });
          renameSync(join(tree.path, 'next'), file());
        }
        return rig.send();
      });
      for (const { status } of await Promise.all(requests)) expect(status).to.equal(200);
    }
    expect(rig.seen.length).to.be.above(38 * 20);
  });

  it('says of a 401 where the token is from', async () => {
    await start({ filename: file() }, () => false);
    expect(await rig.send()).to.include({ status: 401, advice: `the token is from ${file()}` });
    expect(rig.seen).to.have.length(1);
  });

  it('lets in whoever shows one of its tokens', async () => {
    tree.write({ token: 'CANARY-1\nCANARY-2\n' });
    await start({ filename: file() });
    const admit = (headers: Record<string, string>) =>
      rig.extension.serverAuthenticator!.admit({ method: 'GET', path: '/', headers }, never);
    expect(await admit({ authorization: 'Bearer CANARY-1' })).to.equal(undefined);
    expect(await admit({ authorization: 'Bearer CANARY-2' })).to.equal(undefined);
    for (const authorization of ['', 'CANARY-1', 'Bearer CANARY', 'Bearer CANARY-11', 'Basic CANARY-1']) {
      expect(await admit({ authorization })).to.equal('Bearer realm="dnscol"');
    }
    expect(await admit({})).to.equal('Bearer realm="dnscol"');
    tree.write({ token: 'CANARY-333' });
    expect(await admit({ authorization: 'Bearer CANARY-1' })).to.equal('Bearer realm="dnscol"');
    expect(await admit({ authorization: 'Bearer CANARY-333' })).to.equal(undefined);
  });

  it('does not start without the file', async () => {
    rig = await authenticatorRig(factory, { filename: join(tree.path, 'none') });
    const error = await rig.extension.start!(never).catch((e) => e);
    expect(error.message).to.match(/^cannot read the bearer token from .*none$/);
  });

  it('says without the token that no header may hold it', async () => {
    tree.write({ token: 'CANARY\u0007x' });
    await start({ filename: file() });
    const error = await rig.send().catch((e) => e);
    expect(error.message).to.contain(`the bearer token in ${file()} holds what no header may hold`);
    expect(error.message).to.not.contain('CANARY');
  });
});

describe('extension bearertokenauth, its configuration', () => {
  const refuses = (options: Record<string, unknown>, words: string) =>
    it(`refuses ${JSON.stringify(options)}`, async () => {
      const { config } = factory as ExtensionFactory;
      expect(() => parse(config, options))
        .to.throw(words)
        .and.satisfy((e: Error) => !e.message.includes('CANARY'));
    });
  refuses({}, 'needs token, tokens or filename');
  refuses({ token: '' }, 'needs token, tokens or filename');
  refuses({ token: 'CANARY', tokens: ['b'] }, 'tokens: cannot be set together with token');
  refuses({ token: 'CANARY\n' }, 'token: has a value that no header may hold');
  refuses({ token: 'CANARY', header: 'a b' }, 'header: is not a valid header name');
});
