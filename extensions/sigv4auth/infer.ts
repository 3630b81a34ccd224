/** Which service and region a host name of AWS stands for. */

/** The word in the host name, and the service that signatures name. */
const SERVICES: Readonly<Record<string, string>> = {
  'aps-workspaces': 'aps',
  'aps-workspaces-fips': 'aps',
  aps: 'aps',
  es: 'es',
  aoss: 'aoss',
  osis: 'osis',
  logs: 'logs',
  xray: 'xray',
  monitoring: 'monitoring',
};

const SUFFIX =
  /\.(amazonaws\.(com(\.cn)?|eu)|api\.aws|api\.amazonwebservices\.com\.cn|c2s\.ic\.gov|sc2s\.sgov\.gov|csp\.hci\.ic\.gov|cloud\.adc-e\.uk)\.?$/;
const REGION = /^[a-z]{2,}(-[a-z]+)+-\d+$/;

/**
 * What can be told from a host such as `aps-workspaces.eu-west-1.amazonaws.com`, an OpenSearch domain's
 * (`search-x.eu-west-1.es.amazonaws.com`) or a VPC endpoint's (`vpce-….aps-workspaces.eu-west-1.vpce.amazonaws.com`).
 */
export function inferred(hostname: string): { service?: string; region?: string } {
  const host = hostname.toLowerCase();
  if (!SUFFIX.test(host)) return {};
  const labels = host.replace(SUFFIX, '').split('.');
  const region = labels.find((label) => REGION.test(label));
  // The last one: the first label of an OpenSearch domain is the user's own.
  const word = labels.findLast((label) => Object.hasOwn(SERVICES, label));
  return { ...(word ? { service: SERVICES[word]! } : {}), ...(region ? { region } : {}) };
}
