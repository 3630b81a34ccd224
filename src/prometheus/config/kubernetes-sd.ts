/** Prometheus' kubernetes_sd_config (prometheus/discovery/kubernetes/kubernetes.go, 3.x). */
import * as s from '#config';
import { httpUrl } from '#http';
import { type HttpClientConfig, httpClientFields, httpClientRules } from './http-client.ts';
import { given, laxBool, laxString } from './lax.ts';
import { fieldSelectorFault, labelSelectorFault } from './selectors.ts';

export const KUBERNETES_ROLES = ['pod', 'service', 'endpoints', 'endpointslice', 'node', 'ingress'] as const;
export type KubernetesRole = (typeof KUBERNETES_ROLES)[number];

/** What each role may narrow down. */
const SELECTABLE: Readonly<Record<KubernetesRole, readonly KubernetesRole[]>> = {
  pod: ['pod', 'node'],
  service: ['service'],
  endpointslice: ['pod', 'service', 'endpointslice'],
  endpoints: ['pod', 'service', 'endpoints'],
  node: ['node'],
  ingress: ['ingress'],
};

const selector = (fault: (text: string) => string | undefined, wrong: string) =>
  laxString({
    check(text) {
      const why = fault(text);
      return why && `is not a ${wrong} selector: it ${why}`;
    },
  });

const selectors = s.object({
  role: s.required(s.oneOf(...KUBERNETES_ROLES), 'Which kind of object it narrows down.'),
  label: s.optional(selector(labelSelectorFault, 'label'), 'A label selector, such as `app in (a, b),!old`.'),
  field: s.optional(selector(fieldSelectorFault, 'field'), 'A field selector, such as `spec.nodeName=a`.'),
});

const fields = s.object({
  role: s.required(s.oneOf(...KUBERNETES_ROLES), 'What becomes a target.'),
  api_server: s.optional(
    httpUrl(),
    'The API server; left out, that of the cluster this runs in, with the service account of its pod.',
  ),
  kubeconfig_file: s.optional(laxString(), 'A kubeconfig file that says how to reach the API server.'),
  namespaces: s.withDefault(
    s.object({
      own_namespace: s.withDefault(laxBool(), false, 'The namespace of the pod that this runs in.'),
      names: s.withDefault(s.list(laxString()), [], 'More namespaces; all when there are none.'),
    }),
    {},
    '',
  ),
  selectors: s.withDefault(s.list(selectors), [], 'Narrow down what is listed and watched, one for each role.'),
  attach_metadata: s.withDefault(
    s.object({
      node: s.withDefault(laxBool(), false, 'Labels of the node, for pod, endpoints and endpointslice.'),
      namespace: s.withDefault(laxBool(), false, 'Labels of the namespace, for all but node.'),
      deployment: s.withDefault(laxBool(), false, "The pod's deployment; watches ReplicaSets."),
      job: s.withDefault(laxBool(), false, "The pod's job; watches Jobs."),
      cronjob: s.withDefault(laxBool(), false, "The pod's cron job; watches Jobs."),
    }),
    {},
    '',
  ),
  ...httpClientFields,
});

export type KubernetesSdConfig = s.Infer<typeof fields>;
type Complain = (inner: string, message: string) => void;

const RULES: readonly ((config: KubernetesSdConfig, complain: Complain) => void)[] = [
  ({ api_server, kubeconfig_file }, complain) => {
    if (api_server && kubeconfig_file) complain('kubeconfig_file', 'cannot be used together with api_server');
  },
  (config, complain) => {
    const custom = customHttp(config);
    if (!custom || config.api_server) return;
    complain(custom, config.kubeconfig_file ? 'cannot be used together with kubeconfig_file' : 'needs api_server');
  },
  ({ api_server, kubeconfig_file, namespaces }, complain) => {
    const other = api_server ? 'api_server' : kubeconfig_file ? 'kubeconfig_file' : undefined;
    if (namespaces.own_namespace && other)
      complain('namespaces.own_namespace', `cannot be used together with ${other}`);
  },
  ({ role, selectors }, complain) => {
    const roles = selectors.map((one) => one.role);
    roles.forEach((one, i) => {
      const at = `selectors[${i}].role`;
      if (!SELECTABLE[role].includes(one)) {
        complain(at, `role ${role} has selectors for ${SELECTABLE[role].join(', ')} only, not for ${one}`);
      } else if (roles.indexOf(one) < i) complain(at, `there is another selector for ${one}`);
    });
  },
];

/** The first HTTP client option that is not as it is by itself. */
function customHttp(config: HttpClientConfig): string | undefined {
  const plain = s.parse(s.object(httpClientFields), {});
  return (Object.keys(httpClientFields) as (keyof HttpClientConfig)[]).find((key) => {
    const value = config[key];
    return value instanceof Map ? value.size > 0 : value !== plain[key];
  });
}

export const kubernetesSdConfig: s.Schema<KubernetesSdConfig> = given(
  s.check(fields, ...httpClientRules, ...RULES),
  'kubernetes_sd configuration',
);
