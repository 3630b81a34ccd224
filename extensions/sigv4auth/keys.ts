import type { Host } from '#component';
import { formatDuration } from '#config';
import { keepFresh } from '#kit';
import { createComplaints } from '#queue';
import { fromChain, type RegionOfSts } from './chain.ts';
import type { Credentials, Surroundings } from './credentials.ts';
import type { Config } from './options.ts';
import { assumeRole, assumeRoleWithWebIdentity } from './sts.ts';

/** The keys to sign with: loaded when the first request needs them, and replaced before they end. */
export interface Keys {
  /** `region`: the request's, whose STS is asked where nothing else names one. */
  get(region: string, signal: AbortSignal): Promise<Credentials>;
  /** They were refused. True when `get` will load others. */
  discard(keys: Credentials): boolean;
  stop(): void;
}

/** AWS' SDKs replace keys five minutes before their end. */
const BUFFER = 5 * 60_000;
const TIMEOUT = 30_000;

export function createKeys(options: Config, host: Host, surroundings: Surroundings): Keys {
  const { environment } = surroundings;
  const complain = createComplaints(host.clock, host.log.warn);
  let requested = '';
  let told = '';

  const region: RegionOfSts = (ofProfile) =>
    options.assume_role?.sts_region ||
    options.region ||
    environment.AWS_REGION ||
    environment.AWS_DEFAULT_REGION ||
    ofProfile ||
    requested;

  const fresh = keepFresh<Credentials>({
    clock: host.clock,
    timeout: TIMEOUT,
    buffer: BUFFER,
    life: ({ life }) => life,
    async load(signal) {
      const keys = await load(options, surroundings, region, signal);
      tell(keys);
      return keys;
    },
    onFailed(error, left) {
      // Whoever waited may have given up before, and know nothing of the reason.
      if (!left) return complain('none', 'cannot get AWS credentials', { error });
      const good_for = formatDuration(Math.round(left / 1000) * 1000);
      complain('refresh', 'cannot replace the AWS credentials; the old ones are still good', { good_for, error });
    },
  });

  function tell({ source, life }: Credentials): void {
    const fields = life === undefined ? {} : { good_for: formatDuration(Math.round(life / 1000) * 1000) };
    host.log[source === told ? 'debug' : 'info'](`signs with ${source}`, fields);
    told = source;
  }

  return {
    get(ofRequest, signal) {
      requested = ofRequest;
      return fresh.get(signal);
    },
    discard: fresh.discard,
    stop: fresh.stop,
  };
}

async function load(
  { assume_role }: Config,
  surroundings: Surroundings,
  region: RegionOfSts,
  signal: AbortSignal,
): Promise<Credentials> {
  const { arn, session_name: sessionName, external_id: externalId, web_identity_token_file } = assume_role ?? {};
  if (!arn) return fromChain(surroundings, region, signal);
  const role = { arn, sessionName, externalId };
  if (web_identity_token_file) {
    return assumeRoleWithWebIdentity(role, web_identity_token_file, region(), surroundings, signal);
  }
  const base = await fromChain(surroundings, region, signal);
  return assumeRole(role, base, region(), surroundings, signal);
}
