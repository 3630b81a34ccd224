/** Where keys come from when nobody says: the order of AWS' own SDKs. */
import { Secret } from '#config';
import { containerUrl, fromContainer } from './container.ts';
import type { Credentials, Surroundings } from './credentials.ts';
import { fromInstance, instanceUrl } from './instance.ts';
import { type Profile, type Profiles, readProfiles } from './profiles.ts';
import { fromProgram } from './program.ts';
import { assumeRole, assumeRoleWithWebIdentity, type Role } from './sts.ts';

/** The region whose STS is asked. `profile`: the one that a profile names, for want of a better. */
export type RegionOfSts = (profile?: string) => string;

/** What a walk through profiles has with it. */
interface Search {
  readonly profiles: Profiles;
  readonly surroundings: Surroundings;
  readonly region: RegionOfSts;
  readonly signal: AbortSignal;
}

export async function fromChain(
  surroundings: Surroundings,
  region: RegionOfSts,
  signal: AbortSignal,
): Promise<Credentials> {
  const { environment } = surroundings;
  const keys = fromEnvironment(surroundings);
  if (keys) return keys;
  if (environment.AWS_WEB_IDENTITY_TOKEN_FILE) {
    const role = { arn: environment.AWS_ROLE_ARN ?? '', sessionName: environment.AWS_ROLE_SESSION_NAME };
    if (!role.arn) throw new Error('AWS_WEB_IDENTITY_TOKEN_FILE is set, and AWS_ROLE_ARN is not');
    return assumeRoleWithWebIdentity(role, environment.AWS_WEB_IDENTITY_TOKEN_FILE, region(), surroundings, signal);
  }
  const profiles = await readProfiles(environment, signal);
  const name = profileName(surroundings);
  const profile = profiles.byName.get(name);
  if (!profile && isNamed(surroundings)) {
    throw new Error(`AWS_PROFILE names the profile ${name}, which is in neither of ${profiles.files.join(', ')}`);
  }
  const found = profile && (await fromProfile(name, { profiles, surroundings, region, signal }, []));
  return found ?? fromMachine(surroundings, signal);
}

const profileName = ({ environment }: Surroundings) =>
  environment.AWS_PROFILE || environment.AWS_DEFAULT_PROFILE || 'default';
const isNamed = ({ environment }: Surroundings) => Boolean(environment.AWS_PROFILE || environment.AWS_DEFAULT_PROFILE);

/** The region that the profile in use names; for want of another. */
export async function regionOfProfile(surroundings: Surroundings): Promise<string | undefined> {
  const { byName } = await readProfiles(surroundings.environment);
  return byName.get(profileName(surroundings))?.get('region') || undefined;
}

function fromEnvironment({ environment }: Surroundings): Credentials | undefined {
  const accessKeyId = environment.AWS_ACCESS_KEY_ID || environment.AWS_ACCESS_KEY;
  const secret = environment.AWS_SECRET_ACCESS_KEY || environment.AWS_SECRET_KEY;
  if (!accessKeyId && !secret) return undefined;
  if (!accessKeyId || !secret) {
    throw new Error('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must both be set; one of them is not');
  }
  const token = environment.AWS_SESSION_TOKEN;
  return {
    accessKeyId,
    secretAccessKey: new Secret(secret),
    ...(token ? { sessionToken: new Secret(token) } : {}),
    source: 'the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  };
}

/** Undefined where the profile names no source of keys. `path`: the profiles that led here, by `source_profile`. */
async function fromProfile(name: string, search: Search, path: readonly string[]): Promise<Credentials | undefined> {
  const profile = search.profiles.byName.get(name);
  if (!profile) throw new Error(`the AWS profile ${path.at(-1)} names the source_profile ${name}, which is nowhere`);
  const arn = profile.get('role_arn');
  const isOwnSource = path.at(-1) === name;
  if (arn && !isOwnSource) {
    if (path.includes(name)) throw new Error(`the AWS profiles lead in a circle: ${[...path, name].join(' → ')}`);
    return roleOf(name, profile, roleIn(profile, arn), search, path);
  }
  return keysIn(name, profile) ?? fromElsewhere(name, profile, search);
}

function keysIn(name: string, profile: Profile): Credentials | undefined {
  const accessKeyId = profile.get('aws_access_key_id');
  const secret = profile.get('aws_secret_access_key');
  if (!accessKeyId || !secret) {
    if (accessKeyId || secret) throw new Error(`the AWS profile ${name} has one half of a pair of keys`);
    return undefined;
  }
  const token = profile.get('aws_session_token');
  return {
    accessKeyId,
    secretAccessKey: new Secret(secret),
    ...(token ? { sessionToken: new Secret(token) } : {}),
    source: `the keys of the AWS profile ${name}`,
  };
}

async function fromElsewhere(
  name: string,
  profile: Profile,
  { surroundings, signal }: Search,
): Promise<Credentials | undefined> {
  const sso = ['sso_session', 'sso_start_url', 'sso_account_id'].find((key) => profile.get(key));
  if (sso) {
    throw new Error(`the AWS profile ${name} has ${sso}: signing in by SSO is not supported; use a role or keys`);
  }
  const command = profile.get('credential_process');
  return command ? fromProgram(command, name, surroundings, signal) : undefined;
}

function roleIn(profile: Profile, arn: string): Role {
  return {
    arn,
    sessionName: profile.get('role_session_name'),
    externalId: profile.get('external_id'),
    duration: profile.get('duration_seconds'),
  };
}

async function roleOf(
  name: string,
  profile: Profile,
  role: Role,
  search: Search,
  path: readonly string[],
): Promise<Credentials> {
  const { surroundings, signal } = search;
  if (profile.get('mfa_serial')) throw new Error(`the AWS profile ${name} wants a second factor: not supported`);
  const where = search.region(profile.get('region'));
  const tokenFile = profile.get('web_identity_token_file');
  if (tokenFile) return assumeRoleWithWebIdentity(role, tokenFile, where, surroundings, signal);
  const source = profile.get('source_profile');
  const base = source
    ? await fromProfile(source, search, [...path, name])
    : await fromSource(name, profile.get('credential_source'), search);
  if (!base) throw new Error(`the AWS profile ${source}, the source_profile of ${name}, has no keys`);
  return assumeRole(role, base, where, surroundings, signal);
}

async function fromSource(
  name: string,
  source: string | undefined,
  { surroundings, signal }: Search,
): Promise<Credentials | undefined> {
  const { environment } = surroundings;
  const missing = (what: string) => new Error(`the AWS profile ${name} has credential_source ${source}: ${what}`);
  switch (source) {
    case 'Environment': {
      const keys = fromEnvironment(surroundings);
      if (!keys) throw missing('AWS_ACCESS_KEY_ID is not set');
      return keys;
    }
    case 'EcsContainer': {
      const url = containerUrl(environment);
      if (!url) throw missing('AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not set');
      return fromContainer(url, surroundings, signal);
    }
    case 'Ec2InstanceMetadata': {
      const url = instanceUrl(environment);
      if (!url) throw missing('AWS_EC2_METADATA_DISABLED is set');
      return fromInstance(url, surroundings, signal);
    }
    default:
      throw new Error(
        `the AWS profile ${name} has role_arn and no known source of keys: give source_profile, credential_source or web_identity_token_file`,
      );
  }
}

const NONE =
  'no AWS credentials: AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE (IRSA) and AWS_CONTAINER_CREDENTIALS_FULL_URI (EKS Pod Identity) are not set, no profile has keys';

async function fromMachine(surroundings: Surroundings, signal: AbortSignal): Promise<Credentials> {
  const container = containerUrl(surroundings.environment);
  if (container) return fromContainer(container, surroundings, signal);
  const instance = instanceUrl(surroundings.environment);
  if (!instance) throw new Error(`${NONE}, and AWS_EC2_METADATA_DISABLED is set`);
  try {
    return await fromInstance(instance, surroundings, signal);
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    const hint = 'from within a pod it answers only when the hop limit of the instance is 2 or more';
    throw new Error(`${NONE}, and the instance's metadata service gave none (${hint})`, { cause });
  }
}
