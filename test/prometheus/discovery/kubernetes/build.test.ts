import { expect } from 'chai';
import { ROLES } from '../../../../src/prometheus/discovery/kubernetes/build.ts';
import type { Surroundings } from '../../../../src/prometheus/discovery/kubernetes/labels.ts';
import { KINDS, type KindName } from '../../../../src/prometheus/discovery/kubernetes/objects.ts';
import { mapIn } from '../../../../src/prometheus/discovery/kubernetes/raw.ts';

/** What a role makes of an object, with these others around it, without `__meta_kubernetes_`. */
function build(role: string, raw: unknown, others: Partial<Record<KindName, object[]>> = {}, attach = {}) {
  const { kind, build: make } = ROLES[role]!;
  const around: Surroundings = {
    attach: { node: false, namespace: false, deployment: false, job: false, cronjob: false, ...attach },
    find(of, key) {
      const kept = (others[of] ?? []).map((one) => KINDS[of].keep(mapIn(one)));
      return kept.find(({ namespace, name }) => key === (namespace ? `${namespace}/${name}` : name)) as never;
    },
  };
  const built = make(KINDS[kind].keep(mapIn(raw)), around);
  const shown = (labels: Map<string, string>) =>
    Object.fromEntries([...labels].map(([name, value]) => [name.replace('__meta_kubernetes_', ''), value]));
  return built && { labels: shown(built.labels), targets: built.targets.map(shown) };
}

describe('prometheus/discovery/kubernetes build', () => {
  const slice = (more: object = {}, labels: object = { 'kubernetes.io/service-name': 's' }) => ({
    metadata: { name: 'e', namespace: 'n', labels },
    addressType: 'IPv6',
    ports: [{ port: 80 }],
    endpoints: [{ addresses: ['::1'], conditions: {} }],
    ...more,
  });
  const service = (spec: object) => ({ metadata: { name: 's', namespace: 'n' }, spec });

  it("leaves out the slice of a dual-stack service's second family", () => {
    const targets = (spec: object) => build('endpointslice', slice(), { services: [service(spec)] })!.targets.length;
    expect(targets({ ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] })).to.equal(0);
    expect(targets({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] })).to.equal(1);
    expect(targets({ ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] })).to.equal(1);
    expect(targets({})).to.equal(1);
  });

  it('takes an endpoint whose slice names no port, and topology of old', () => {
    const built = build(
      'endpointslice',
      slice({
        ports: [{ name: 'any' }],
        endpoints: [{ addresses: ['10.0.0.1'], deprecatedTopology: { 'kubernetes.io/hostname': 'h' } }],
      }),
    );
    expect(built!.targets).to.deep.equal([
      {
        __address__: '10.0.0.1',
        endpointslice_port_name: 'any',
        endpointslice_port_protocol: '',
        endpointslice_port_app_protocol: '',
        endpointslice_endpoint_hostname: '',
        endpointslice_endpoint_zone: '',
        endpointslice_endpoint_topology_kubernetes_io_hostname: 'h',
        endpointslice_endpoint_topology_present_kubernetes_io_hostname: 'true',
      },
    ]);
  });

  it("takes a node's best address, and no node without one", () => {
    const address = (...types: string[]) => {
      const addresses = types.map((type) => ({ type, address: type.toLowerCase() }));
      return build('node', { metadata: { name: 'x' }, status: { addresses } })?.targets[0]?.__address__;
    };
    expect(address('Hostname', 'ExternalIP', 'InternalDNS')).to.equal('internaldns:0');
    expect(address('Hostname', 'LegacyHostIP')).to.equal('legacyhostip:0');
    expect(address('Hostname')).to.equal('hostname:0');
    expect(address('Other')).to.equal(undefined);
    expect(build('node', { metadata: { name: 'x' } })).to.equal(undefined);
  });

  it('speaks https to hosts of an ingress that its certificates are for', () => {
    const scheme = (pattern: string, host: string) =>
      build('ingress', {
        metadata: { name: 'i', namespace: 'n' },
        spec: { tls: [{ hosts: [pattern] }], rules: [{ host, http: { paths: [{ path: '' }] } }] },
      })!.targets[0];
    expect(scheme('*.a.b', 'x.a.b')).to.include({ ingress_scheme: 'https', ingress_path: '/' });
    expect(scheme('a.b', 'a.b')).to.include({ ingress_scheme: 'https' });
    expect(scheme('*.a.b', 'x.y.a.b')).to.include({ ingress_scheme: 'http' });
    expect(scheme('*.a.b', 'a.b')).to.include({ ingress_scheme: 'http' });
  });

  it('attaches the cron job behind a job, and no other owner', () => {
    const owned = (kind: string, name: string) => ({ ownerReferences: [{ kind, name, controller: true }] });
    const pod = { metadata: { name: 'p', namespace: 'n', ...owned('Job', 'j') }, status: { podIP: '10.0.0.1' } };
    const jobs = (kind: string) => [{ metadata: { name: 'j', namespace: 'n', ...owned(kind, 'c') } }];
    const labels = (kind: string, attach: object) => build('pod', pod, { jobs: jobs(kind) }, attach)!.labels;
    expect(labels('CronJob', { job: true, cronjob: true })).to.include({ pod_job_name: 'j', pod_cronjob_name: 'c' });
    expect(labels('CronJob', {})).to.not.have.any.keys('pod_job_name', 'pod_cronjob_name');
    expect(labels('Other', { cronjob: true })).to.not.have.any.keys('pod_job_name', 'pod_cronjob_name');
  });

  it('makes nothing of names that objects have of themselves', () => {
    const names = '{"__proto__": "a", "constructor": "b", "toString": "c"}';
    const raw = `{"metadata": {"name": "p", "namespace": "n", "labels": ${names}, "annotations": ${names}, "__proto__": {"uid": "x"}},
      "status": {"podIP": "10.0.0.1"}, "__proto__": {"spec": {"nodeName": "evil"}}}`;
    const { labels } = build('pod', JSON.parse(raw))!;
    expect(labels).to.include({ pod_label___proto__: 'a', pod_label_constructor: 'b', pod_annotation_toString: 'c' });
    expect(labels).to.include({ pod_uid: '', pod_node_name: '' });
    expect(({} as Record<string, unknown>).uid).to.equal(undefined);
  });

  it('takes anything for an object, and makes no target of it', () => {
    const noise = [null, 7, 'x', [], [null], { metadata: [] }, { metadata: null, spec: 7, status: [] }];
    for (const role of Object.keys(ROLES)) {
      for (const raw of [
        ...noise,
        { status: { podIP: 7 }, spec: { ports: [null], rules: [[]], tls: 7 }, subsets: {} },
      ]) {
        const targets = build(role, raw)?.targets ?? [];
        expect(JSON.stringify(targets), role).to.not.match(/null|undefined|NaN|object Object/);
      }
    }
  });
});
