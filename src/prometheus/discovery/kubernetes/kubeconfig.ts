/** A kubeconfig file (k8s.io/client-go tools/clientcmd): its current context's cluster and user. */
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import * as s from '#config';
import type { HttpClientOptions, TlsClientOptions } from '#http';
import { bearerFile } from './token.ts';

const text = () => s.string();
const data = (what: string) =>
  s.string({ check: (value) => (/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value) ? undefined : `is no ${what} in base64`) });

const clusterFields = {
  server: s.required(text(), ''),
  'certificate-authority': s.optional(text(), ''),
  'certificate-authority-data': s.optional(data('certificate'), ''),
  'insecure-skip-tls-verify': s.withDefault(s.bool(), false, ''),
  'tls-server-name': s.optional(text(), ''),
  'proxy-url': s.optional(s.secret(), ''),
};
const userFields = {
  'client-certificate': s.optional(text(), ''),
  'client-certificate-data': s.optional(data('certificate'), ''),
  'client-key': s.optional(text(), ''),
  'client-key-data': s.optional(s.secret(), ''),
  token: s.optional(s.secret(), ''),
  tokenFile: s.optional(text(), ''),
  username: s.optional(text(), ''),
  password: s.optional(s.secret(), ''),
};
const contextFields = { cluster: s.required(text(), ''), user: s.withDefault(text(), '', '') };

type Cluster = s.FieldValues<typeof clusterFields>;
type User = s.FieldValues<typeof userFields>;

/** What would have to be done otherwise than is asked: run a program, or speak for somebody else. */
const REFUSED: Readonly<Record<string, string>> = {
  exec: 'gets its credentials from a program, which dnscol does not run; give it a token file or a client certificate',
  'auth-provider': 'gets its credentials from an auth provider, which is not supported',
  as: 'impersonates somebody, which is not supported',
  'as-uid': 'impersonates somebody, which is not supported',
  'as-groups': 'impersonates somebody, which is not supported',
  'as-user-extra': 'impersonates somebody, which is not supported',
};

/** Rejects with a sentence that names the file, and the place within it. */
export async function readKubeconfig(path: string): Promise<{ server: URL; http: HttpClientOptions }> {
  const root = parsed(await contentOf(path), path);
  const current = textAt(root, 'current-context');
  if (!current) throw new Error(`${path}: names no current-context`);
  const context = read(contextFields, named(root, 'contexts', 'context', current, path), path);
  const cluster = read(clusterFields, named(root, 'clusters', 'cluster', context.cluster, path), path);
  const user = context.user ? named(root, 'users', 'user', context.user, path) : s.nodeOf({});
  refuseIn(user, context.user, path);
  return optionsOf(cluster, read(userFields, user, path), path);
}

async function contentOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`cannot read the kubeconfig file ${path}`, { cause: error });
  }
}

function parsed(content: string, path: string): s.MapNode {
  const { root, issues } = s.parseYaml(content, path);
  if (issues[0]) throw new Error(`${at(issues[0].place)}: ${issues[0].message}`);
  if (root?.kind !== 'map') throw new Error(`${path}: is no kubeconfig file`);
  return root;
}

const at = ({ file, line, column }: s.Place) => `${file}:${line}:${column}`;
const isEmpty = (node: s.ConfigNode) => node.kind === 'scalar' && (node.value === null || node.value === '');

function textAt(map: s.MapNode, key: string): string {
  const node = map.entries.get(key)?.value;
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : '';
}

/** The value of `- name: …` in one of the file's lists. */
function named(root: s.MapNode, list: string, key: string, name: string, path: string): s.ConfigNode {
  const node = root.entries.get(list)?.value;
  const items = node?.kind === 'list' ? node.items : [];
  for (const item of items) {
    if (item.kind === 'map' && textAt(item, 'name') === name) return item.entries.get(key)?.value ?? s.nodeOf({});
  }
  throw new Error(`${path}: has no ${key} ${JSON.stringify(name)}`);
}

/** Only the options that matter here: others, such as `extensions` and `namespace`, are let pass. */
function read<F extends s.Fields>(fields: F, node: s.ConfigNode, path: string): s.FieldValues<F> {
  const entries = node.kind === 'map' ? [...node.entries].filter(([key]) => Object.hasOwn(fields, key)) : [];
  let fault: string | undefined;
  const map: s.ConfigNode = node.kind === 'map' ? { ...node, entries: new Map(entries) } : node;
  const value = s.object(fields).read(map, '', {
    issue: (inner, message, place) => {
      fault ??= `${place.line > 0 ? at(place) : path}: ${inner} ${message}`;
    },
    warn: () => {},
  });
  if (value === s.INVALID) throw new Error(fault);
  return value;
}

function refuseIn(user: s.ConfigNode, name: string, path: string): void {
  if (user.kind !== 'map') return;
  for (const [key, entry] of user.entries) {
    const why = Object.hasOwn(REFUSED, key) ? REFUSED[key] : undefined;
    if (why && !isEmpty(entry.value)) {
      throw new Error(`${at({ ...entry.keyPlace, file: path })}: the user ${JSON.stringify(name)} ${why}`);
    }
  }
}

function optionsOf(cluster: Cluster, user: User, path: string): { server: URL; http: HttpClientOptions } {
  const { server, 'proxy-url': proxyUrl } = cluster;
  if (!URL.canParse(server) || !/^https?:/.test(server)) {
    throw new Error(`${path}: the server ${JSON.stringify(server)} is no http or https URL`);
  }
  const headers = headersOf(user);
  return {
    server: new URL(server),
    http: {
      tls: tlsOf(cluster, user, path),
      ...(headers.size > 0 ? { headers } : {}),
      ...(user.tokenFile ? { authenticator: bearerFile(from(path, user.tokenFile)) } : {}),
      ...(proxyUrl?.reveal() ? { proxyUrl } : { proxyFromEnvironment: true }),
    },
  };
}

/** A token file wins over a token, as in client-go. */
function headersOf({ token, tokenFile, username, password }: User): Map<string, s.Secret> {
  const header = (value: string) => new Map([['Authorization', new s.Secret(value)]]);
  if (tokenFile) return new Map();
  if (token?.reveal()) return header(`Bearer ${token.reveal()}`);
  if (!username) return new Map();
  return header(`Basic ${Buffer.from(`${username}:${password?.reveal() ?? ''}`).toString('base64')}`);
}

function tlsOf(cluster: Cluster, user: User, path: string): TlsClientOptions {
  const file = (name: string | undefined) => (name ? from(path, name) : undefined);
  const pem = (base64: string | undefined) => (base64 ? Buffer.from(base64, 'base64').toString() : undefined);
  const caPem = pem(cluster['certificate-authority-data']);
  const certPem = pem(user['client-certificate-data']);
  const keyPem = pem(user['client-key-data']?.reveal());
  // What is written in the file itself wins over what it points to.
  const part = (inline: string | undefined, name: string | undefined) => (inline ? undefined : file(name));
  const caFile = part(caPem, cluster['certificate-authority']);
  const certFile = part(certPem, user['client-certificate']);
  const keyFile = part(keyPem, user['client-key']);
  return {
    insecureSkipVerify: cluster['insecure-skip-tls-verify'],
    ...(cluster['tls-server-name'] ? { serverName: cluster['tls-server-name'] } : {}),
    ...(caPem ? { caPem } : {}),
    ...(caFile ? { caFile } : {}),
    ...(certPem ? { certPem } : {}),
    ...(certFile ? { certFile } : {}),
    ...(keyPem ? { keyPem: new s.Secret(keyPem) } : {}),
    ...(keyFile ? { keyFile } : {}),
  };
}

/** Relative paths begin at the file that names them. */
function from(path: string, name: string): string {
  return isAbsolute(name) ? name : join(dirname(path), name);
}
