import { inspect } from 'node:util';
import { expect } from 'chai';
import type { ExtensionFactory } from '#component';
import { parse } from '#config';
import factory from '../../../extensions/basicauth/basicauth.ts';
import { type AuthenticatorRig, authenticatorRig } from '../../support/authenticators.ts';
import { closeServers } from '../../support/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const never = new AbortController().signal;
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('extension basicauth, as a client', () => {
  let tree: Tree;
  let rig: AuthenticatorRig;

  beforeEach(() => {
    tree = makeTree({ user: 'me\n', password: 'CANARY-1\n' });
  });
  afterEach(async () => {
    expect(inspect(rig.host.logs, { depth: 9 })).to.not.contain('CANARY');
    await rig.close();
    await closeServers();
    tree.remove();
  });
  const start = async (client_auth: Record<string, unknown>, takes?: AuthenticatorRig['takes']) => {
    rig = await authenticatorRig(factory, { client_auth }, takes);
    await rig.extension.start?.(never);
  };

  it('sends user and password, any characters in them', async () => {
    await start({ username: 'mé', password: 'CANARY:é' });
    await rig.send();
    expect(rig.seen[0]!.authorization).to.equal(basic('mé:CANARY:é'));
  });

  it('sends what the files hold, a new text from the next request on', async () => {
    await start({ username_file: `${tree.path}/user`, password_file: `${tree.path}/password`, password: 'not this' });
    await rig.send();
    tree.write({ password: 'CANARY-22' });
    await rig.send();
    tree.write({ password: '' });
    await rig.send();
    expect(rig.seen.map(({ authorization }) => authorization)).to.deep.equal(
      ['me:CANARY-1', 'me:CANARY-22', 'me:CANARY-22'].map(basic),
    );
    expect(rig.host.logs.map(({ message }) => message)).to.deep.equal(['the password stays as it was']);
  });

  it('has no request refused while a password changes under load', async () => {
    let good = basic('me:CANARY-1');
    await start(
      { username: 'me', password_file: `${tree.path}/password` },
      ({ authorization }) => authorization === good,
    );
    for (let n = 2; n < 20; n++) {
      const requests = Array.from({ length: 20 }, (_, i) => {
        if (i === 10) {
          good = basic(`me:CANARY-${n}`);
          tree.write({ password: `CANARY-${n}` });
        }
        return rig.send();
      });
      for (const { status } of await Promise.all(requests)) expect(status).to.equal(200);
    }
  });

  it('says of a 401 who signed in', async () => {
    await start({ username: 'me', password: 'CANARY' }, () => false);
    expect(await rig.send()).to.include({ status: 401, advice: 'signed in as me' });
    expect(rig.seen).to.have.length(1);
  });

  it('does not start without its files', async () => {
    rig = await authenticatorRig(factory, { client_auth: { username: 'me', password_file: `${tree.path}/none` } });
    const error = await rig.extension.start!(never).catch((e) => e);
    expect(error.message).to.match(/^cannot read the password from .*none$/);
  });
});

describe('extension basicauth, its configuration', () => {
  const refuses = (options: Record<string, unknown>, words: string) =>
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => parse((factory as ExtensionFactory).config, options)).to.throw(words);
    });
  refuses({}, 'needs client_auth or htpasswd');
  refuses({ client_auth: { username: 'a:b' } }, 'client_auth.username: must not hold a colon');
  refuses({ client_auth: { aws_secrets_manager: { secret_arn: 'x' } } }, 'aws_secrets_manager: is not supported');
});
