/** Agents that find what a pod finds: the variables of the API server, and the folder of a service account. Takes root. */
import { PROJECT } from './agent.ts';
import { type Child, run } from './children.ts';
import type { KubeApi } from './kube-apiserver.ts';
import { makeTree } from './tree.ts';

export interface InCluster {
  readonly agent: Child;
  /** Mounts a new token, as the kubelet does. */
  rotate(): Promise<void>;
}

/** Runs dnscol as the service account `dnscol` of the namespace `dnscol`, until its pipelines run. */
export async function startInCluster(
  api: KubeApi,
  yaml: string,
  { env = {}, args = [] }: { env?: Readonly<Record<string, string>>; args?: readonly string[] } = {},
): Promise<InCluster> {
  const account = makeTree({ 'ca.crt': api.ca, namespace: 'dnscol', token: await tokenOf(api) });
  const tree = makeTree({ 'agent.yaml': yaml });
  // A mount namespace of its own, so that the machine's files stay as they are.
  const script = [
    'mount -t tmpfs tmpfs /run',
    'mkdir -p /run/secrets/kubernetes.io/serviceaccount',
    `mount --bind ${account.path} /run/secrets/kubernetes.io/serviceaccount`,
    'exec "$0" "$@"',
  ].join(' && ');
  const telemetry = 'yaml:service: {telemetry: {metrics: {level: none}, logs: {level: debug}}}';
  const dnscol = [process.execPath, '--disable-warning=ExperimentalWarning', `${PROJECT}src/main.ts`];
  const command = [...dnscol, '--config', `${tree.path}/agent.yaml`, '--config', telemetry, ...args];
  const { hostname, port } = new URL(api.url);
  const agent = run('unshare', ['--mount', 'sh', '-c', script, ...command], {
    env: { ...env, KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port },
  });
  const remove = () => {
    tree.remove();
    account.remove();
  };
  agent.exit.then(remove, remove);
  await agent.says(/everything is ready/);
  return { agent, rotate: async () => account.write({ token: await tokenOf(api) }) };
}

async function tokenOf(api: KubeApi): Promise<string> {
  const path = '/api/v1/namespaces/dnscol/serviceaccounts/dnscol/token';
  const { status } = await api.call('POST', path, { spec: { expirationSeconds: 600 } });
  return (status as { token: string }).token;
}
