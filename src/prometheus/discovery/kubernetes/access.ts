/** How the API server is reached: in the cluster, by a kubeconfig file, or as the configuration says. */
import { join } from 'node:path';
import type { HttpClientOptions } from '#http';
import { environment } from '#kit';
import { httpClientOptions } from '../../config/http-client.ts';
import type { KubernetesSdConfig } from '../../config/kubernetes-sd.ts';
import { hostPort } from '../address.ts';
import { readKubeconfig } from './kubeconfig.ts';
import { bearerFile, readText, tokenIn } from './token.ts';

export interface Access {
  readonly server: URL;
  readonly http: HttpClientOptions;
  /** Of the pod that this runs in, where that was asked for. */
  readonly ownNamespace: string;
}

/** Where every pod finds the service account that it runs as. */
export const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Rejects with a sentence when there is no way, or none that is supported. */
export async function accessOf(config: KubernetesSdConfig, serviceAccount = SERVICE_ACCOUNT): Promise<Access> {
  if (config.kubeconfig_file) return { ...(await readKubeconfig(config.kubeconfig_file)), ownNamespace: '' };
  if (!config.api_server) return inCluster(config.namespaces.own_namespace, serviceAccount);
  const http = { ...httpClientOptions(config), followRedirects: false };
  return { server: new URL(config.api_server), http, ownNamespace: '' };
}

async function inCluster(withNamespace: boolean, folder: string): Promise<Access> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment();
  if (!host || !port) {
    throw new Error(
      'there is no cluster around: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; outside of a pod, kubernetes_sd_configs needs api_server or kubeconfig_file',
    );
  }
  const tokenFile = join(folder, 'token');
  // Said now, in words, rather than with the first request.
  await tokenIn(tokenFile);
  return {
    server: new URL(`https://${hostPort(host, port)}`),
    http: { tls: { caFile: join(folder, 'ca.crt') }, authenticator: bearerFile(tokenFile) },
    ownNamespace: withNamespace ? await namespaceIn(join(folder, 'namespace')) : '',
  };
}

async function namespaceIn(path: string): Promise<string> {
  const name = (await readText(path, "the pod's namespace")).trim();
  if (name === '') throw new Error(`the file of the pod's namespace, ${path}, is empty`);
  return name;
}
