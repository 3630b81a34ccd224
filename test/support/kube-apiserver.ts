/** A real Kubernetes API server over a real etcd, both from scripts/peers.sh, on loopback. */
import { generateKeyPairSync } from 'node:crypto';
import https from 'node:https';
import { join } from 'node:path';
import { makeAuthority } from './certificates.ts';
import { type Child, freePorts, run, until } from './children.ts';
import { peer } from './peers.ts';
import { makeTree } from './tree.ts';

export interface KubeApi {
  readonly url: string;
  readonly ca: string;
  /** A kubeconfig file that speaks with this token. */
  kubeconfig(token: string): string;
  /** Asks the API as its administrator; rejects unless the answer is 2xx. */
  call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /** SIGKILL, and nobody there until `start`. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Makes etcd forget every revision but the last. */
  compact(): Promise<void>;
}

/** `users` are lines of a token file: `token,user,uid,"groups"`. */
export async function startKubeApi(users: readonly string[] = []): Promise<KubeApi> {
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const authority = makeAuthority();
  const { cert, key } = authority.issue();
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const tree = makeTree({
    'ca.crt': authority.cert,
    'server.crt': cert,
    'server.key': key,
    'accounts.key': privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
    'tokens.csv': `${['admin,admin,admin,"system:masters"', ...users].join('\n')}\n`,
  });
  const file = (name: string) => join(tree.path, name);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const etcd = run(peer('etcd'), [
    `--data-dir=${file('etcd')}`,
    `--listen-client-urls=${etcdUrl}`,
    `--advertise-client-urls=${etcdUrl}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    '--unsafe-no-fsync',
  ]);
  etcd.exit.then(
    () => tree.remove(),
    () => tree.remove(),
  );
  await etcd.says(/ready to serve client requests|serving insecure client requests/);
  const url = `https://127.0.0.1:${port}`;
  const agent = new https.Agent({ ca: authority.cert });
  let server: Child;

  const call: KubeApi['call'] = (method, path, body) =>
    new Promise((resolve, reject) => {
      const patch = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const headers = { authorization: 'Bearer admin', 'content-type': patch };
      const request = https.request(`${url}${path}`, { method, headers, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode! < 300) resolve(text.startsWith('{') ? JSON.parse(text) : { text });
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
        });
      });
      request.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
    });

  async function start(): Promise<void> {
    server = run(peer('kube-apiserver'), [
      `--etcd-servers=${etcdUrl}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      // There is no address but loopback's to put into the endpoints of the service `kubernetes`.
      '--endpoint-reconciler-type=none',
      '--service-cluster-ip-range=10.0.0.0/24',
      `--tls-cert-file=${file('server.crt')}`,
      `--tls-private-key-file=${file('server.key')}`,
      `--token-auth-file=${file('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${file('accounts.key')}`,
      `--service-account-signing-key-file=${file('accounts.key')}`,
      // Nobody makes the account `default` of new namespaces.
      '--disable-admission-plugins=ServiceAccount',
      `--cert-dir=${file('certs')}`,
    ]);
    const ready = () =>
      call('GET', '/readyz').then(
        () => true,
        () => false,
      );
    await until(ready, 'the API server is ready', 120_000);
  }

  await start();
  return {
    url,
    ca: authority.cert,
    call,
    start,
    kubeconfig(token) {
      tree.write({
        [`${token}.kubeconfig`]: `
apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: here, user: me}}]
clusters: [{name: here, cluster: {server: '${url}', certificate-authority: ca.crt}}]
users: [{name: me, user: {token: ${token}}}]
`,
      });
      return file(`${token}.kubeconfig`);
    },
    async kill() {
      server.kill('SIGKILL');
      await server.exit;
    },
    async compact() {
      const ask = async (path: string, body: object) => {
        const response = await fetch(`${etcdUrl}${path}`, { method: 'POST', body: JSON.stringify(body) });
        if (!response.ok) throw new Error(`etcd: ${path}: ${await response.text()}`);
        return (await response.json()) as { header: { revision: string } };
      };
      const { header } = await ask('/v3/kv/range', { key: 'AA==' });
      await ask('/v3/kv/compaction', { revision: header.revision, physical: true });
    },
  };
}
