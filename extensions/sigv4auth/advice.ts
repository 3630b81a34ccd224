import type { Reason } from './refusal.ts';

/** What a request is signed for. */
export interface Target {
  service: string;
  region: string;
}

/** What the user can do, and who signed for what. `id`: the extension's; `source`: whose keys, without a secret. */
export function adviceOn(reason: Reason, id: string, { service, region }: Target, source: string): string {
  const what = remedy(reason, id, service);
  return `${what && `${what}; `}${id} signed for the service ${service} in ${region} with ${source}`;
}

function remedy(reason: Reason, id: string, service: string): string {
  switch (reason) {
    case 'denied':
      return service === 'aps'
        ? 'give that identity leave for aps:RemoteWrite on the workspace, as the policy AmazonPrometheusRemoteWriteAccess does, or set assume_role'
        : 'give that identity leave for this action, or set assume_role';
    case 'expired':
      return 'the credentials have ended';
    case 'key':
      return 'AWS does not know the access key or its session token';
    case 'signature':
      return 'the secret key does not belong to the access key, or something on the way changed the request';
    case 'scope':
      return `set region and service of ${id} to those of the endpoint`;
    case 'time':
      return "this machine's clock is wrong";
    default:
      return '';
  }
}
