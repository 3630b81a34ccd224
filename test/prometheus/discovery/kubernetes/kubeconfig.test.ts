import { expect } from 'chai';
import { readKubeconfig } from '../../../../src/prometheus/discovery/kubernetes/kubeconfig.ts';
import { makeTree, type Tree } from '../../../support/tree.ts';

describe('prometheus/discovery/kubernetes kubeconfig', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree();
  });
  afterEach(() => tree.remove());

  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const file = (user: string, cluster = 'server: https://a:6443') => `
apiVersion: v1
kind: Config
current-context: two
preferences: {}
contexts:
  - {name: one, context: {cluster: nowhere, user: nobody}}
  - {name: two, context: {cluster: c, user: u, namespace: n}}
clusters:
  - name: c
    cluster: {${cluster}, extensions: [{name: x, extension: {}}]}
users:
  - name: u
    user: {${user}}
`;
  async function read(text: string) {
    tree.write({ config: text });
    return readKubeconfig(`${tree.path}/config`);
  }
  const authorization = async (text: string) => (await read(text)).http.headers?.get('Authorization')?.reveal();

  it('takes cluster and user of the current context', async () => {
    const { server, http } = await read(file('token: secret'));
    expect(server.href).to.equal('https://a:6443/');
    expect(http.headers?.get('Authorization')?.reveal()).to.equal('Bearer secret');
    expect(http.tls).to.deep.equal({ insecureSkipVerify: false });
  });

  it('takes certificates from the file itself, and from files beside it', async () => {
    const inline = await read(
      file(
        `client-certificate-data: ${base64('cert')}, client-key-data: ${base64('key')}`,
        `server: https://a, certificate-authority-data: ${base64('ca')}, tls-server-name: b`,
      ),
    );
    const { keyPem, ...rest } = inline.http.tls!;
    expect(rest).to.deep.equal({ caPem: 'ca', certPem: 'cert', serverName: 'b', insecureSkipVerify: false });
    expect(keyPem?.reveal()).to.equal('key');
    const beside = await read(
      file('client-certificate: c.crt, client-key: /abs/c.key', 'server: https://a, certificate-authority: ca.crt'),
    );
    expect(beside.http.tls).to.deep.equal({
      caFile: `${tree.path}/ca.crt`,
      certFile: `${tree.path}/c.crt`,
      keyFile: '/abs/c.key',
      insecureSkipVerify: false,
    });
  });

  it('reads a token file for each request, and prefers it to a token', async () => {
    tree.write({ token: 'one\n' });
    const { http } = await read(file('tokenFile: token, token: other'));
    const ask = () =>
      http.authenticator!.authenticate(
        { method: 'GET', url: new URL('https://a'), headers: {}, body: new Uint8Array() },
        new AbortController().signal,
      );
    expect(http.headers).to.equal(undefined);
    expect(await ask()).to.deep.equal({ authorization: 'Bearer one' });
    tree.write({ token: 'two\n' });
    expect(await ask()).to.deep.equal({ authorization: 'Bearer two' });
  });

  it('speaks for a user with a password', async () => {
    expect(await authorization(file('username: u, password: p'))).to.equal(`Basic ${base64('u:p')}`);
  });

  it('needs no user', async () => {
    expect((await read(file('token: x').replace('user: u, ', ''))).http.headers).to.equal(undefined);
  });

  const refuses = (title: string, text: string, message: RegExp) =>
    it(`refuses ${title}`, async () => {
      const error = await read(text).catch((thrown: Error) => thrown);
      expect(error).to.be.instanceOf(Error);
      expect((error as Error).message).to.match(message);
    });
  refuses(
    'a program that gives credentials, at its place',
    file('exec: {command: aws, apiVersion: v1}'),
    /config:14:12: the user "u" gets its credentials from a program, which dnscol does not run/,
  );
  refuses('an auth provider', file('auth-provider: {name: gcp}'), /from an auth provider, which is not supported$/);
  refuses('to impersonate', file('token: x, as: root'), /impersonates somebody/);
  refuses(
    'a context that is not there',
    file('token: x').replace('context: two', 'context: three'),
    /has no context "three"$/,
  );
  refuses('no current context', 'contexts: []\n', /names no current-context$/);
  refuses('a user that is not there', file('token: x').replace('name: u', 'name: v'), /has no user "u"$/);
  refuses('a server that is no URL', file('token: x', 'server: here'), /the server "here" is no http or https URL$/);
  refuses(
    'data that are not base64',
    file("client-certificate-data: '?'"),
    /client-certificate-data is no certificate in base64$/,
  );
  refuses('a file that is no map', '[]', /is no kubeconfig file$/);
  refuses('a file that is no YAML', 'a: [', /config:1:/);

  it('says which file is missing', async () => {
    const error = await readKubeconfig(`${tree.path}/none`).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.equal(`cannot read the kubeconfig file ${tree.path}/none`);
  });
});
