import { expect } from 'chai';
import { labelMap } from '#metrics';
import { targetResource } from '../../../src/prometheus/scrape/resource.ts';

describe('prometheus/scrape resource', () => {
  const of = (labels: Record<string, string>, protocol = 'http:') => {
    const discovered = (name: string) => labels[name.replace('__meta_kubernetes_', '')];
    return Object.fromEntries(labelMap(targetResource(protocol, discovered).attributes));
  };

  it('says the scheme alone where nothing else is known, with one object for all', () => {
    expect(of({}, 'https:')).to.deep.equal({ 'url.scheme': 'https' });
    expect(targetResource('http:', () => undefined)).to.equal(targetResource('http:', () => ''));
  });

  it("has the Collector's names for what Kubernetes discovery found", () => {
    const pod = {
      pod_name: 'p',
      pod_uid: 'u',
      pod_container_name: 'c',
      namespace: 'n',
      pod_node_name: 'node',
      pod_controller_kind: 'DaemonSet',
      pod_controller_name: 'd',
    };
    expect(of(pod)).to.deep.equal({
      'k8s.container.name': 'c',
      'k8s.daemonset.name': 'd',
      'k8s.namespace.name': 'n',
      'k8s.node.name': 'node',
      'k8s.pod.name': 'p',
      'k8s.pod.uid': 'u',
      'url.scheme': 'http',
    });
    expect(of({ node_name: 'x' })).to.deep.equal({ 'k8s.node.name': 'x', 'url.scheme': 'http' });
    expect(of({ endpoint_node_name: 'x' })).to.deep.equal({ 'k8s.node.name': 'x', 'url.scheme': 'http' });
  });

  it('names no controller of a kind that has no attribute', () => {
    expect(of({ pod_controller_kind: 'constructor', pod_controller_name: 'x' })).to.deep.equal({
      'url.scheme': 'http',
    });
  });
});
