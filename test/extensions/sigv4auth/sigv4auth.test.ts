import { inspect } from 'node:util';
import { expect } from 'chai';
import type { Extension, ExtensionFactory } from '#component';
import { parse } from '#config';
import { createHttpClient, type HttpClient, type HttpResponse } from '#http';
import { setEnvironment } from '#kit';
import factory from '../../../extensions/sigv4auth/sigv4auth.ts';
import {
  type Amp,
  amp,
  containerAgent,
  type Imds,
  imds,
  type Keys,
  newKeys,
  type Sts,
  sts,
} from '../../support/aws.ts';
import { type FakeHost, fakeHost } from '../../support/host.ts';
import { closeServers, rawServer, until } from '../../support/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';

const never = new AbortController().signal;
const MINUTE = 60_000;
const APS = { region: 'eu-west-1', service: 'aps' };
const ROLE = 'arn:aws:iam::1:role/writer';

/** Sends one small request, signed. */
type Send = (path?: string) => Promise<HttpResponse>;

describe('extension sigv4auth', () => {
  let host: FakeHost;
  let service: Amp;
  let tree: Tree;
  let said: string[];
  const running: { extension: Extension; client: HttpClient }[] = [];
  const now = () => host.clock.now();

  beforeEach(async () => {
    host = fakeHost('extension', 'sigv4auth');
    service = await amp(now);
    tree = makeTree();
    said = [];
  });
  afterEach(async () => {
    const secrets = /CANARY/;
    for (const one of [...host.logs, ...host.statuses, ...said])
      expect(inspect(one, { depth: 9 })).to.not.match(secrets);
    for (const { extension, client } of running.splice(0)) {
      await extension.stop?.(never);
      client.close();
    }
    expect(host.clock.pending).to.equal(0);
    setEnvironment({});
    tree.remove();
    await closeServers();
  });

  function make(environment: Record<string, string> = {}, options: Record<string, unknown> = APS): Send {
    setEnvironment({ HOME: tree.path, AWS_EC2_METADATA_DISABLED: 'true', ...environment });
    const { create, config } = factory as ExtensionFactory;
    const extension = create(parse(config, options), host);
    const client = createHttpClient({ authenticator: extension.authenticator! }, host.clock);
    running.push({ extension, client });
    return async (path = '/workspaces/ws-1/api/v1/remote_write') => {
      const url = new URL(path, service.url);
      const body = Buffer.from('the exact bytes');
      const answer = await client.request({
        method: 'POST',
        url,
        headers: { 'Content-Type': 'application/x-protobuf', 'User-Agent': 'test' },
        body,
        signal: never,
      });
      said.push(answer.advice ?? '');
      return answer;
    };
  }
  const failure = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => expect.fail('it was sent'),
      (e) => e,
    );
    const words: string[] = [];
    for (let e = error; e instanceof Error; e = e.cause) words.push(e.message);
    said.push(inspect(error, { depth: 9 }));
    return words.join(' ← ');
  };
  const lines = () => host.logs.filter(({ level }) => level !== 'debug').map(({ message }) => message);
  const envKeys = ({ id, secret, token }: Keys) => ({
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: secret,
    ...(token ? { AWS_SESSION_TOKEN: token } : {}),
  });
  const knowing = (keys: Keys): Keys => {
    service.known.push(keys);
    return keys;
  };

  describe('signs', () => {
    it('with the keys of the environment, and says so once', async () => {
      const send = make(envKeys(knowing(newKeys())));
      expect(host.logs).to.deep.equal([]);
      for (let i = 0; i < 3; i++) expect((await send()).status).to.equal(200);
      expect(lines()).to.deep.equal(['signs with the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY']);
    });

    it('host, content type and its own headers, and nothing that may change on the way', async () => {
      const send = make(envKeys(knowing(newKeys())));
      await send('/a%20b?x=%2F&b');
      const names = /SignedHeaders=([^,]*)/.exec(service.calls[0]!.headers.authorization!)![1];
      expect(names).to.equal('content-type;host;x-amz-date;x-amz-security-token');
      expect((await send('/?y=1')).status).to.equal(200);
    });

    it('for the service and region that it is told', async () => {
      const scopes: string[] = [];
      const send = make(envKeys(knowing(newKeys())), { region: 'ap-south-1', service: 'es' });
      service.next = (_, scope) => {
        scopes.push(scope);
        return undefined;
      };
      await send();
      expect(scopes).to.deep.equal(['ap-south-1/es']);
    });

    it('for the region of the environment or the profile where neither host nor options say one', async () => {
      const scopes: string[] = [];
      service.next = (_, scope) => {
        scopes.push(scope);
        return undefined;
      };
      const keys = knowing(newKeys());
      await make({ ...envKeys(keys), AWS_REGION: 'eu-north-1' }, { service: 'aps' })();
      tree.write({ '.aws/config': '[default]\nregion = sa-east-1\n' });
      await make(envKeys(keys), { service: 'aps' })();
      expect(scopes).to.deep.equal(['eu-north-1/aps', 'sa-east-1/aps']);
    });

    it('nothing where it cannot know for what, and says which option to set', async () => {
      const keys = envKeys(newKeys());
      expect(await failure(make(keys, { region: 'eu-west-1' })())).to.contain(
        '127.0.0.1 does not say which AWS service it is: set service of sigv4auth',
      );
      expect(await failure(make(keys, { service: 'aps' })())).to.contain(
        '127.0.0.1 does not say which AWS region it is in: set region of sigv4auth',
      );
      expect(service.calls).to.deep.equal([]);
    });
  });

  describe('finds keys', () => {
    it('in profiles, and says which', async () => {
      const [a, b] = [knowing(newKeys()), knowing(newKeys())];
      const profile = ({ id, secret, token }: Keys) =>
        `aws_access_key_id = ${id}\naws_secret_access_key=${secret} # a comment\naws_session_token = ${token}\n`;
      tree.write({
        '.aws/credentials': `[default]\n${profile(a)}`,
        other: `[profile work]\n${profile(b)}region = eu-west-3\n`,
      });
      expect((await make()()).status).to.equal(200);
      expect((await make({ AWS_CONFIG_FILE: `${tree.path}/other`, AWS_PROFILE: 'work' })()).status).to.equal(200);
      expect(lines()).to.deep.equal([
        'signs with the keys of the AWS profile default',
        'signs with the keys of the AWS profile work',
      ]);
      expect(service.calls.map(({ headers }) => headers.authorization!.includes(a.id))).to.deep.equal([true, false]);
    });

    it('of a role that a profile assumes by way of another', async () => {
      const base = newKeys();
      const there = await sts(now);
      there.known.push(base);
      tree.write({
        '.aws/credentials': `[base]\naws_access_key_id=${base.id}\naws_secret_access_key=${base.secret}\naws_session_token=${base.token}\n`,
        '.aws/config': `[profile w]\nrole_arn = ${ROLE}\nsource_profile = base\nexternal_id = ex\nrole_session_name = me\nduration_seconds = 900\n`,
      });
      const send = make({ AWS_PROFILE: 'w', AWS_ENDPOINT_URL_STS: there.url });
      await failureOrGiven(send, there);
      expect(Object.fromEntries(new URLSearchParams(there.calls[0]!.body.toString()))).to.deep.equal({
        Action: 'AssumeRole',
        Version: '2011-06-15',
        RoleArn: ROLE,
        RoleSessionName: 'me',
        ExternalId: 'ex',
        DurationSeconds: '900',
      });
      expect(lines()).to.deep.equal([`signs with the role ${ROLE}, assumed by the keys of the AWS profile base`]);
    });

    it('of a role that a profile assumes with keys of its own', async () => {
      const base = newKeys();
      const there = await sts(now);
      there.known.push(base);
      tree.write({
        '.aws/credentials': `[default]\naws_access_key_id=${base.id}\naws_secret_access_key=${base.secret}\naws_session_token=${base.token}\n`,
        '.aws/config': `[default]\nrole_arn = ${ROLE}\nsource_profile = default\nregion = eu-west-3\n`,
      });
      await failureOrGiven(make({ AWS_ENDPOINT_URL_STS: there.url }, { service: 'aps' }), there);
      expect(there.calls[0]!.headers.authorization).to.contain('/eu-west-3/sts/aws4_request');
    });

    it('of a role whose keys a profile has from the container or the environment', async () => {
      const base = newKeys();
      const there = await sts(now);
      there.known.push(base);
      const agent = await containerAgent(
        now,
        () => 'CANARY-pod',
        () => base,
      );
      const environment = {
        AWS_ENDPOINT_URL_STS: there.url,
        AWS_PROFILE: 'w',
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}/v1/credentials`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN: 'CANARY-pod',
      };
      tree.write({ '.aws/config': `[profile w]\nrole_arn = ${ROLE}\ncredential_source = EcsContainer\n` });
      await failureOrGiven(make(environment), there);
      expect(lines()).to.deep.equal([
        `signs with the role ${ROLE}, assumed by the container's role, from ${agent.url}/v1/credentials`,
      ]);
    });

    it('of a role, by the web identity token of IRSA, read anew each time', async () => {
      const there = await sts(now);
      tree.write({ token: 'good-CANARY-1\n' });
      const send = make({
        AWS_WEB_IDENTITY_TOKEN_FILE: `${tree.path}/token`,
        AWS_ROLE_ARN: ROLE,
        AWS_REGION: 'eu-west-1',
        AWS_ENDPOINT_URL_STS: there.url,
      });
      await failureOrGiven(send, there);
      tree.write({ token: 'good-CANARY-2' });
      await host.clock.advance(56 * MINUTE);
      await send();
      await until(() => there.given.length === 2);
      const tokens = there.calls.map(({ body }) => new URLSearchParams(body.toString()).get('WebIdentityToken'));
      expect(tokens).to.deep.equal(['good-CANARY-1', 'good-CANARY-2']);
      expect(there.calls.every(({ headers }) => headers.authorization === undefined)).to.equal(true);
    });

    it('of a role, by assume_role and its web_identity_token_file', async () => {
      const there = await sts(now);
      tree.write({ token: 'good-CANARY' });
      const role = { arn: ROLE, session_name: 'node 1', web_identity_token_file: `${tree.path}/token` };
      await failureOrGiven(make({ AWS_ENDPOINT_URL_STS: there.url }, { ...APS, assume_role: role }), there);
      const form = new URLSearchParams(there.calls[0]!.body.toString());
      expect([form.get('RoleArn'), form.get('RoleSessionName')]).to.deep.equal([ROLE, 'node-1']);
    });

    it('of a role, by assume_role with the keys it finds, signed for the region of STS', async () => {
      const there = await sts(now);
      const base = newKeys();
      there.known.push(base);
      const role = { arn: ROLE, sts_region: 'us-east-2', external_id: 'ex' };
      const send = make({ ...envKeys(base), AWS_ENDPOINT_URL_STS: there.url }, { ...APS, assume_role: role });
      await failureOrGiven(send, there);
      expect(there.calls[0]!.headers.authorization).to.contain('/us-east-2/sts/aws4_request');
      expect(new URLSearchParams(there.calls[0]!.body.toString()).get('ExternalId')).to.equal('ex');
    });

    it('of EKS Pod Identity, with the token in its file, read anew each time', async () => {
      let token = 'CANARY-pod-1';
      const keys = [knowing(newKeys(now() + 60 * MINUTE)), knowing(newKeys(now() + 600 * MINUTE))];
      let n = 0;
      const agent = await containerAgent(
        now,
        () => token,
        () => keys[n++]!,
      );
      tree.write({ token });
      const send = make({
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}/v1/credentials`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${tree.path}/token`,
      });
      expect((await send()).status).to.equal(200);
      token = 'CANARY-pod-2';
      tree.write({ token });
      await host.clock.advance(61 * MINUTE);
      expect((await send()).status).to.equal(200);
      expect(lines()).to.deep.equal([`signs with the container's role, from ${agent.url}/v1/credentials`]);
    });

    it('of the instance, by version 2 of its metadata service alone', async () => {
      const there = await imds(now, () => knowing(newKeys(now() + 360 * MINUTE)));
      const send = make(onInstance(there));
      expect((await send()).status).to.equal(200);
      expect(there.calls.map(({ method, path }) => `${method} ${path}`)).to.deep.equal([
        'PUT /latest/api/token',
        'GET /latest/meta-data/iam/security-credentials/',
        'GET /latest/meta-data/iam/security-credentials/node-role',
      ]);
      expect(there.calls[0]!.headers['x-aws-ec2-metadata-token-ttl-seconds']).to.equal('300');
      expect(lines()).to.deep.equal(["signs with the instance's role node-role"]);
    });

    it('that a program prints, without a shell', async () => {
      const keys = knowing(newKeys());
      const json = { Version: 1, AccessKeyId: keys.id, SecretAccessKey: keys.secret, SessionToken: keys.token };
      tree.write({
        'keys.json': JSON.stringify(json),
        '.aws/config': `[default]\ncredential_process = ${process.execPath} -e "process.stdout.write(require('fs').readFileSync('${tree.path}/keys.json'))" '$(exit 1)'\n`,
      });
      expect((await make()()).status).to.equal(200);
      expect(lines()).to.deep.equal(['signs with credential_process of the AWS profile default']);
    });
  });

  const onInstance = (there: Imds) => ({
    AWS_EC2_METADATA_DISABLED: 'false',
    AWS_EC2_METADATA_SERVICE_ENDPOINT: there.url,
  });

  /** The first request, and then the same with the keys that STS gave out known to the service. */
  async function failureOrGiven(send: Send, there: Sts): Promise<void> {
    expect((await send()).status).to.equal(403);
    service.known.push(...there.given);
    expect((await send()).status).to.equal(200);
    expect(there.given).to.have.length(1);
  }

  describe('tells why there are no keys', () => {
    const tells = (what: string, environment: () => Record<string, string>, words: RegExp | string, files = {}) =>
      it(what, async () => {
        tree.write(files);
        const told = await failure(make(environment())());
        if (typeof words === 'string') expect(told).to.contain(words);
        else expect(told).to.match(words);
        expect(service.calls).to.deep.equal([]);
      });
    const profile = (text: string) => ({ '.aws/config': text });
    tells('nothing is set', () => ({}), 'no AWS credentials: AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE (IRSA)');
    tells(
      'half a pair',
      () => ({ AWS_ACCESS_KEY_ID: 'A' }),
      'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must both be set',
    );
    tells('no role', () => ({ AWS_WEB_IDENTITY_TOKEN_FILE: '/t' }), 'AWS_ROLE_ARN is not');
    tells(
      'no token file',
      () => ({ AWS_WEB_IDENTITY_TOKEN_FILE: `${tree.path}/none`, AWS_ROLE_ARN: ROLE }),
      /cannot read the web identity token from .*none ← ENOENT/,
    );
    tells(
      'an empty token file',
      () => ({ AWS_WEB_IDENTITY_TOKEN_FILE: `${tree.path}/t`, AWS_ROLE_ARN: ROLE }),
      /the web identity token in .*t is empty/,
      { t: ' \n' },
    );
    tells(
      'no such profile',
      () => ({ AWS_PROFILE: 'x' }),
      /AWS_PROFILE names the profile x, which is in neither of .*config,/,
    );
    tells(
      'SSO',
      () => ({}),
      'the AWS profile default has sso_session: signing in by SSO is not supported; use a role or keys',
      profile('[default]\nsso_session = a\n'),
    );
    tells(
      'a circle',
      () => ({}),
      'the AWS profiles lead in a circle: default → a → default',
      profile('[default]\nrole_arn=r\nsource_profile=a\n[profile a]\nrole_arn=r\nsource_profile=default\n'),
    );
    tells(
      'a source_profile that is nowhere',
      () => ({}),
      'the AWS profile default names the source_profile b, which is nowhere',
      profile('[default]\nrole_arn=r\nsource_profile=b\n'),
    );
    tells(
      'a role without a source',
      () => ({}),
      'the AWS profile default has role_arn and no known source of keys',
      profile('[default]\nrole_arn=r\n'),
    );
    tells(
      'a second factor',
      () => ({}),
      'the AWS profile default wants a second factor',
      profile('[default]\nrole_arn=r\nsource_profile=default\nmfa_serial=m\n'),
    );
    tells(
      'a program that fails',
      () => ({}),
      /credential_process of the AWS profile default: .* failed \(3\)$/,
      profile(
        `[default]\ncredential_process = ${process.execPath} -e "console.log('CANARY');console.error('CANARY');process.exit(3)"\n`,
      ),
    );
    tells(
      'a program that prints something else',
      () => ({}),
      'printed no JSON with "Version": 1',
      profile(`[default]\ncredential_process = ${process.execPath} -e "console.log('CANARY')"\n`),
    );
    const uri = (url: string) => () => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: url });
    for (const url of [
      'http://169.254.169.254/',
      'http://10.0.0.1/x',
      'http://evil.test/',
      'ftp://127.0.0.1/',
      'CANARY',
    ]) {
      tells(
        `${url} is no place for keys`,
        uri(url),
        'AWS_CONTAINER_CREDENTIALS_FULL_URI must be https://, or http:// to loopback',
      );
    }

    it("with STS' own words", async () => {
      const there = await sts(now);
      tree.write({ token: 'bad-CANARY' });
      const environment = {
        AWS_WEB_IDENTITY_TOKEN_FILE: `${tree.path}/token`,
        AWS_ROLE_ARN: ROLE,
        AWS_ENDPOINT_URL_STS: there.url,
      };
      expect(await failure(make(environment)())).to.match(
        /answered 403 to AssumeRoleWithWebIdentity of the role arn:aws:iam::1:role\/writer, by the web identity token in .*token: InvalidIdentityToken: Token is not of the "issuer"$/,
      );
    });

    it("with the agent's own words", async () => {
      const agent = await containerAgent(
        now,
        () => 'CANARY-right',
        () => newKeys(),
      );
      const environment = {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.url}/c`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN: 'CANARY-wrong',
      };
      expect(await failure(make(environment)())).to.match(
        /the container's credentials: .*\/c answered 401: AccessDenied: no such token$/,
      );
    });

    it('where STS does not answer, though the request gave up before', async () => {
      const silent = await rawServer(() => {});
      tree.write({ token: 'CANARY' });
      const url = `http://127.0.0.1:${silent.port}`;
      const role = { AWS_WEB_IDENTITY_TOKEN_FILE: `${tree.path}/token`, AWS_ROLE_ARN: ROLE, AWS_ENDPOINT_URL_STS: url };
      const send = make(role);
      const error = failure(send());
      await until(() => silent.made === 1);
      await host.clock.advance(10_000);
      expect(await error).to.contain(`${url}/ does not answer ← timed out after 10 s`);
      expect(lines()).to.deep.equal(['cannot get AWS credentials']);
    });

    it('where the instance does not answer: it is tried three times a second each, and the hop limit is named', async () => {
      const silent = await rawServer(() => {});
      const send = make({
        AWS_EC2_METADATA_DISABLED: 'false',
        AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${silent.port}`,
      });
      const error = failure(send());
      for (let attempt = 1; attempt <= 3; attempt++) {
        await until(() => silent.made === attempt);
        await host.clock.advance(1000);
      }
      expect(await error).to.match(
        /metadata service gave none \(from within a pod .* hop limit.*← timed out after 1 s/,
      );
    });

    it('where the instance has no role', async () => {
      const there = await imds(now, () => newKeys());
      there.next = ({ path }) => (path.endsWith('credentials/') ? { status: 404 } : undefined);
      expect(await failure(make(onInstance(there))())).to.contain('answered 404: the instance has no role');
    });
  });

  describe('keeps keys fresh', () => {
    it('replaces them five minutes before their end, once, while requests go on', async () => {
      const there = await imds(now, () => knowing(newKeys(now() + 60 * MINUTE)));
      const send = make(onInstance(there));
      await Promise.all(Array.from({ length: 20 }, () => send()));
      expect(there.calls).to.have.length(3);
      await host.clock.advance(54 * MINUTE);
      await send();
      expect(there.calls).to.have.length(3);
      await host.clock.advance(MINUTE);
      await Promise.all(Array.from({ length: 20 }, () => send()));
      await until(() => there.calls.length === 6);
      await host.clock.advance(30 * MINUTE);
      const answers = await Promise.all(Array.from({ length: 20 }, () => send()));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array(20).fill(200));
      expect(there.calls).to.have.length(6);
    });

    it('goes on with the old ones while no new ones can be had, and says so', async () => {
      const there = await imds(now, () => knowing(newKeys(now() + 60 * MINUTE)));
      const send = make(onInstance(there));
      await send();
      there.next = () => ({ status: 503 });
      await host.clock.advance(56 * MINUTE);
      expect((await send()).status).to.equal(200);
      await until(() => host.logs.some(({ level }) => level === 'warn'));
      const warning = host.logs.find(({ level }) => level === 'warn')!;
      expect(warning.message).to.equal('cannot replace the AWS credentials; the old ones are still good');
      expect(warning.fields.good_for).to.equal('4m');
      delete there.next;
      await host.clock.advance(2 * MINUTE);
      expect((await send()).status).to.equal(200);
      await until(() => there.calls.at(-1)!.path.endsWith('node-role'));
      await host.clock.advance(10 * MINUTE);
      expect((await send()).status).to.equal(200);
    });

    it('takes keys of the instance that have ended when it has no others', async () => {
      const there = await imds(now, () => ({ ...knowing(newKeys()), end: now() - MINUTE }));
      const send = make(onInstance(there));
      for (let i = 0; i < 10; i++) expect((await send()).status).to.equal(200);
      expect(there.calls).to.have.length(3);
    });

    it('counts their life by the clock of who gave them', async () => {
      const server = () => now() + 180 * MINUTE;
      const there = await imds(server, () => knowing(newKeys(server() + 60 * MINUTE)));
      const send = make(onInstance(there));
      for (let i = 0; i < 3; i++) await send();
      expect(there.calls).to.have.length(3);
      host.clock.jump(-60 * MINUTE);
      await host.clock.advance(56 * MINUTE);
      await send();
      await until(() => there.calls.length === 6);
    });

    it('a web identity token swapped under load costs no request', async () => {
      const there = await sts(now);
      there.life = 10 * MINUTE;
      service.known = there.given;
      tree.write({ token: 'good-0' });
      const send = make({
        AWS_WEB_IDENTITY_TOKEN_FILE: `${tree.path}/token`,
        AWS_ROLE_ARN: ROLE,
        AWS_ENDPOINT_URL_STS: there.url,
      });
      for (let minute = 0; minute < 60; minute++) {
        const requests = Array.from({ length: 10 }, (_, i) => {
          if (i === 5) tree.write({ token: `good-${minute}` });
          return send();
        });
        for (const { status } of await Promise.all(requests)) expect(status).to.equal(200);
        await host.clock.advance(MINUTE);
      }
      expect(there.given.length).to.be.within(7, 20);
      expect(service.calls).to.have.length(600);
    });

    it('tries no more often than the pauses allow while there are none', async () => {
      const there = await imds(now, () => newKeys());
      there.next = () => ({ status: 404 });
      const send = make(onInstance(there));
      for (let second = 0; second < 60; second++) {
        await failure(send());
        await host.clock.advance(1000);
      }
      expect(there.calls.length).to.be.within(4, 7);
    });
  });

  describe('when AWS refuses', () => {
    const signedBy =
      'sigv4auth signed for the service aps in eu-west-1 with the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
    const refuses = (what: string, status: number, body: string, advice: string, type?: string) =>
      it(`${what}, it says so, and who signed`, async () => {
        const send = make(envKeys(knowing(newKeys())));
        service.next = () => ({ status, body, ...(type ? { headers: { 'x-amzn-errortype': type } } : {}) });
        await host.clock.advance(MINUTE);
        const answer = await send();
        expect(answer.status).to.equal(status);
        expect(answer.advice).to.equal(advice && `${advice}; ${signedBy}`);
        expect(service.calls).to.have.length(1);
      });
    const json = (message: string) => JSON.stringify({ message });
    refuses(
      'an identity without leave',
      403,
      json('User: arn:aws:sts::1:assumed-role/n/i is not authorized to perform: aps:RemoteWrite on resource: …'),
      'give that identity leave for aps:RemoteWrite on the workspace, as the policy AmazonPrometheusRemoteWriteAccess does, or set assume_role',
    );
    refuses(
      'another region',
      403,
      json("Credential should be scoped to a valid region, not 'eu-west-1'."),
      'set region and service of sigv4auth to those of the endpoint',
    );
    refuses(
      'a wrong secret',
      403,
      json('…'),
      'the secret key does not belong to the access key, or something on the way changed the request',
      'InvalidSignatureException:http://x/',
    );
    refuses(
      'an unknown key',
      403,
      '<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>m</Message></Error></ErrorResponse>',
      'AWS does not know the access key or its session token',
    );
    refuses(
      'an ended session, as some services do with 400',
      400,
      '{"__type":"a.b#ExpiredTokenException"}',
      'the credentials have ended',
    );

    it('something else, it says who signed', async () => {
      const send = make(envKeys(knowing(newKeys())));
      service.next = () => ({ status: 403, body: '<html>blocked by the firewall</html>' });
      expect((await send()).advice).to.equal(signedBy);
    });

    it('the data, it says nothing', async () => {
      const send = make(envKeys(knowing(newKeys())));
      service.next = () => ({ status: 400, body: json('out of order sample') });
      expect(await send()).to.not.have.property('advice');
    });

    it('ended keys, it gets new ones and sends once more', async () => {
      let keys = knowing(newKeys(now() + 360 * MINUTE));
      const there = await imds(now, () => keys);
      const send = make(onInstance(there));
      await send();
      service.known.splice(0);
      keys = knowing(newKeys(now() + 360 * MINUTE));
      await host.clock.advance(MINUTE);
      expect((await send()).status).to.equal(200);
      expect(service.calls).to.have.length(3);
    });

    it('ended keys, and no new ones can be had, the request fails as one to be sent again later', async () => {
      const there = await imds(now, () => knowing(newKeys(now() + 360 * MINUTE)));
      const send = make(onInstance(there));
      await send();
      service.known.splice(0);
      there.next = () => ({ status: 404 });
      await host.clock.advance(MINUTE);
      expect(await failure(send())).to.match(
        /the AWS credentials were refused \(UnrecognizedClientException\), and no others can be had ← no AWS credentials/,
      );
    });

    it('new keys were in use already, it sends once more with those', async () => {
      const first = knowing(newKeys());
      tree.write({
        '.aws/credentials': `[default]\naws_access_key_id=${first.id}\naws_secret_access_key=${first.secret}\naws_session_token=${first.token}\n`,
      });
      const send = make();
      await send();
      await host.clock.advance(MINUTE);
      const second = newKeys();
      service.known = [second];
      tree.write({
        '.aws/credentials': `[default]\naws_access_key_id=${second.id}\naws_secret_access_key=${second.secret}\naws_session_token=${second.token}\n`,
      });
      const answers = await Promise.all(Array.from({ length: 10 }, () => send()));
      expect(answers.map(({ status }) => status)).to.deep.equal(Array(10).fill(200));
    });

    for (const minutes of [-61, 7]) {
      it(`a clock that is ${minutes} minutes off, it signs by the server's from then on`, async () => {
        const server = await amp(() => now() - minutes * MINUTE);
        server.known = service.known;
        service = server;
        const send = make(envKeys(knowing(newKeys())));
        expect((await send()).status).to.equal(200);
        expect(server.calls).to.have.length(2);
        expect((await send()).status).to.equal(200);
        expect(server.calls).to.have.length(3);
        const warning = host.logs.find(({ level }) => level === 'warn')!;
        expect(warning.fields.seconds).to.equal(-minutes * 60);
      });
    }

    it('a clock that was wrong and is set right, it follows', async () => {
      let off = 61 * MINUTE;
      const server = await amp(() => now() + off);
      server.known = [newKeys()];
      service = server;
      const send = make(envKeys(server.known[0]!));
      await send();
      host.clock.jump(off);
      off = 0;
      expect((await send()).status).to.equal(200);
      expect((await send()).status).to.equal(200);
      expect(server.calls).to.have.length(2 + 2 + 1);
    });

    it('the time for good, it corrects once and no more', async () => {
      const send = make(envKeys(knowing(newKeys())));
      let n = 0;
      service.next = () => ({
        status: 403,
        body: json('Signature expired: …'),
        headers: { date: new Date(now() + ++n * 60 * MINUTE).toUTCString() },
      });
      expect((await send()).advice).to.match(/^this machine's clock is wrong; sigv4auth signed/);
      expect(service.calls).to.have.length(2);
    });

    it('the time at STS, it corrects that, too', async () => {
      const there = await sts(() => now() + 30 * MINUTE);
      const base = newKeys();
      there.known.push(base);
      service.known = there.given;
      const send = make({ ...envKeys(base), AWS_ENDPOINT_URL_STS: there.url }, { ...APS, assume_role: { arn: ROLE } });
      expect((await send()).status).to.equal(200);
      expect(there.calls).to.have.length(2);
    });
  });

  it('never goes along with a redirect to another host', async () => {
    make(envKeys(knowing(newKeys())));
    const stranger = await amp(now);
    const target = stranger.url.replace('127.0.0.1', 'localhost');
    service.next = () => ({ status: 307, headers: { location: `${target}/steal` } });
    const { authenticator } = running[0]!.extension;
    const client = createHttpClient({ authenticator: authenticator!, followRedirects: true }, host.clock);
    const url = new URL(service.url);
    await client.request({ method: 'POST', url, body: Buffer.from('x'), signal: never });
    client.close();
    expect(stranger.calls).to.have.length(1);
    const { authorization, referer, ...rest } = stranger.calls[0]!.headers;
    expect([authorization, referer]).to.deep.equal([undefined, undefined]);
    expect(Object.keys(rest).filter((name) => name.startsWith('x-amz-'))).to.deep.equal([]);
  });

  describe('configuration', () => {
    const { config } = factory as ExtensionFactory;
    const refuses = (options: Record<string, unknown>, words: string) =>
      it(`refuses ${JSON.stringify(options)}`, () => expect(() => parse(config, options)).to.throw(words));
    refuses({ region: 'eu west' }, 'region: must be the name of a region');
    refuses({ assume_role: { sts_region: 'x/y' } }, 'assume_role.sts_region: must be the name of a region');
    refuses({ assume_role: { web_identity_token_file: '/t' } }, 'assume_role.web_identity_token_file: needs arn');
    refuses({ role_arn: 'x' }, 'role_arn: is not an option');

    it('may be nothing at all', () => {
      expect(parse(config, {})).to.deep.equal({ region: undefined, service: undefined, assume_role: undefined });
    });
  });
});
