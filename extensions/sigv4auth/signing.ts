import type { Authenticator, Host, Refusal, Verdict } from '#component';
import { createComplaints } from '#queue';
import { adviceOn, type Target } from './advice.ts';
import { regionOfProfile } from './chain.ts';
import type { Credentials, Surroundings } from './credentials.ts';
import { inferred } from './infer.ts';
import type { Keys } from './keys.ts';
import type { Config } from './options.ts';
import { type AwsRefusal, refusalOf } from './refusal.ts';
import { fromAmzDate } from './sign.ts';
import { signedHeaders } from './signed.ts';

/** Refusals that newer keys may mend. */
const KEYS_FAULT: readonly AwsRefusal['reason'][] = ['expired', 'key', 'signature'];

export function createSigning(
  options: Config,
  host: Host,
  surroundings: Surroundings,
  keys: Keys,
): Required<Authenticator> {
  const { skew } = surroundings;
  const targets = new Map<string, Target>();
  const complain = createComplaints(host.clock, host.log.warn);

  async function targetOf({ hostname }: URL): Promise<Target> {
    const known = targets.get(hostname);
    if (known) return known;
    const target = await findTarget(hostname, options, host.id, surroundings);
    targets.set(hostname, target);
    return target;
  }

  /** Whether there are other keys now than those a refused request was signed with. */
  async function haveOthers(used: Credentials, { region }: Target, why: string, signal: AbortSignal): Promise<boolean> {
    if (!keys.discard(used)) return false;
    try {
      return !isSame(await keys.get(region, signal), used);
    } catch (cause) {
      throw new Error(`the AWS credentials were refused (${why}), and no others can be had`, { cause });
    }
  }

  return {
    async authenticate(request, signal) {
      const target = await targetOf(request.url);
      const used = await keys.get(target.region, signal);
      return signedHeaders(request, target, used, skew.now(request.url.host));
    },
    async refused(refusal, signal): Promise<Verdict> {
      const { reason, code, message } = refusalOf(refusal);
      if (reason === 'none') return { again: false };
      const target = await targetOf(refusal.url);
      const used = await keys.get(target.region, signal);
      const advice = adviceOn(reason, host.id, target, used.source);
      if (reason !== 'denied' && learn(refusal)) return { again: true, advice };
      if (!signedWith(used, refusal.sent)) return { again: true, advice };
      const again = KEYS_FAULT.includes(reason) && (await haveOthers(used, target, code || message, signal));
      return { again, advice };
    },
  };

  function learn({ url, headers, sent }: Refusal): boolean {
    if (!skew.learn(url.host, headers.date, fromAmzDate(sent['x-amz-date'] ?? ''))) return false;
    const difference = Math.round((skew.now(url.host) - host.clock.now()) / 1000);
    const what = "the clock of this machine is wrong, or the server's is: signatures follow the server's";
    complain(url.host, what, { host: url.host, seconds: difference });
    return true;
  }
}

async function findTarget(hostname: string, options: Config, id: string, surroundings: Surroundings): Promise<Target> {
  const { environment } = surroundings;
  const guess = inferred(hostname);
  const service = options.service || guess.service;
  if (!service) throw new Error(`${hostname} does not say which AWS service it is: set service of ${id}`);
  const region =
    options.region ||
    guess.region ||
    environment.AWS_REGION ||
    environment.AWS_DEFAULT_REGION ||
    (await regionOfProfile(surroundings));
  if (!region) throw new Error(`${hostname} does not say which AWS region it is in: set region of ${id}`);
  return { service, region };
}

function signedWith({ accessKeyId, sessionToken }: Credentials, sent: Refusal['sent']): boolean {
  return (
    sent.authorization?.includes(`Credential=${accessKeyId}/`) === true &&
    (sessionToken?.reveal() ?? undefined) === sent['x-amz-security-token']
  );
}

function isSame(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId &&
    a.secretAccessKey.reveal() === b.secretAccessKey.reveal() &&
    a.sessionToken?.reveal() === b.sessionToken?.reveal()
  );
}
