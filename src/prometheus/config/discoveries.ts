/** Prometheus' dns_sd_config and http_sd_config (prometheus/discovery/dns and http, 3.x), and the discoveries there are. */
import * as s from '#config';
import { httpUrl } from '#http';
import { httpClientFields, httpClientRules } from './http-client.ts';
import { kubernetesSdConfig } from './kubernetes-sd.ts';
import { given, laxString, promDuration } from './lax.ts';

export const DNS_TYPES = ['SRV', 'A', 'AAAA', 'MX', 'NS'] as const;
export type DnsType = (typeof DNS_TYPES)[number];

const dnsType: s.Schema<DnsType> = s.transform(laxString(), (text, complain) => {
  const type = DNS_TYPES.find((one) => one === text.toUpperCase());
  return type ?? complain('', `must be one of ${DNS_TYPES.join(', ')}, not ${JSON.stringify(text)}`);
});

const dnsSdConfig = given(
  s.check(
    s.object({
      names: s.required(s.list(laxString({ nonEmpty: true }), { min: 1 }), 'Names to ask for.'),
      type: s.withDefault(dnsType, 'SRV', '`SRV`, `A`, `AAAA`, `MX` or `NS`.'),
      port: s.optional(s.int({ min: 0, max: 65_535 }), 'The port of the targets; SRV records have their own.'),
      refresh_interval: s.withDefault(promDuration(), '30s', 'How often to ask.'),
    }),
    ({ type, port }, complain) => {
      if (type !== 'SRV' && !port) complain('port', 'is required for all record types but SRV');
    },
  ),
  'dns_sd configuration',
);
export type DnsSdConfig = s.Infer<typeof dnsSdConfig>;

const httpSdConfig = given(
  s.check(
    s.object({
      url: s.required(httpUrl(), 'Where a JSON list of target groups is.'),
      refresh_interval: s.withDefault(promDuration(), '60s', 'How often to fetch it.'),
      ...httpClientFields,
    }),
    ...httpClientRules,
  ),
  'http_sd configuration',
);
export type HttpSdConfig = s.Infer<typeof httpSdConfig>;

/** The sections of a scrape configuration that find targets by asking somebody. */
export const discoveryFields = {
  dns_sd_configs: s.withDefault(s.list(dnsSdConfig), [], 'Targets from DNS.'),
  http_sd_configs: s.withDefault(s.list(httpSdConfig), [], 'Targets from a web server.'),
  kubernetes_sd_configs: s.withDefault(s.list(kubernetesSdConfig), [], 'Targets from the Kubernetes API.'),
} as const satisfies s.Fields;

const OTHERS =
  /^(azure|aws|consul|digitalocean|docker|dockerswarm|ec2|ecs|elasticache|eureka|gce|hetzner|ionos|kuma|lightsail|linode|marathon|msk|nerve|nomad|oci|openstack|outscale|ovhcloud|puppetdb|rds|scaleway|serverset|stackit|triton|uyuni|vultr)_sd_configs$/;

/** The sentence for a discovery that Prometheus has and dnscol has not. */
export function otherDiscovery(key: string): { refuse: string } | undefined {
  if (!OTHERS.test(key)) return undefined;
  const there = ['static_configs', 'file_sd_configs', ...Object.keys(discoveryFields)];
  return { refuse: `is not supported; there are ${there.slice(0, -1).join(', ')} and ${there.at(-1)}` };
}
