import { expect } from 'chai';
import { parse } from '#config';
import { type PrometheusConfig, prometheusConfig } from '#prometheus';
import { narrowed } from '../../../../src/prometheus/discovery/kubernetes/narrow.ts';

describe('prometheus/discovery/kubernetes narrow', () => {
  const keep = {
    action: 'keep',
    source_labels: ['__meta_kubernetes_pod_node_name'],
    regex: 'ip-10-0-1-2.ec2.internal',
  };
  function selectors(config: object, ...relabel_configs: object[]) {
    const { scrapes }: PrometheusConfig = parse(prometheusConfig, {
      scrape_configs: [{ job_name: 'x', kubernetes_sd_configs: [config], relabel_configs }],
    });
    const { kubernetesSd, relabel } = scrapes[0]!;
    return narrowed(kubernetesSd[0]!, relabel).selectors.map(({ role, label, field }) => [role, label, field]);
  }
  const OWN = ['pod', undefined, 'spec.nodeName=ip-10-0-1-2.ec2.internal'];

  const asks = (title: string, want: unknown[], config: object, ...rules: object[]) =>
    it(title, () => {
      expect(selectors(config, ...rules)).to.deep.equal(want);
    });
  for (const role of ['pod', 'endpoints', 'endpointslice']) {
    asks(`keeps role ${role} to the pods of the node that a rule keeps`, [OWN], { role }, keep);
  }
  asks(
    'keeps role node to the node that a rule keeps',
    [['node', undefined, 'metadata.name=n']],
    { role: 'node' },
    { action: 'keep', source_labels: ['__meta_kubernetes_node_name'], regex: 'n' },
  );
  asks('reads escaped dots', [OWN], { role: 'pod' }, { ...keep, regex: 'ip-10-0-1-2\\.ec2\\.internal' });
  asks(
    'adds to selectors that are there',
    [['pod', 'app=x', `status.phase=Running,${OWN[2]}`]],
    { role: 'pod', selectors: [{ role: 'pod', label: 'app=x', field: 'status.phase=Running' }] },
    keep,
  );
  asks(
    'looks past rules that touch other labels',
    [OWN],
    { role: 'pod' },
    { action: 'drop', source_labels: ['a'], regex: 'b' },
    { source_labels: ['__meta_kubernetes_pod_node_name'], target_label: 'node' },
    keep,
  );
  const leaves = (title: string, config: object, ...rules: object[]) =>
    asks(`leaves it to relabelling ${title}`, [], config, ...rules);
  leaves('where a rule keeps more than one node', { role: 'pod' }, { ...keep, regex: 'a|b' });
  leaves('where a pattern is no name', { role: 'pod' }, { ...keep, regex: 'node-.*' });
  leaves('where it is empty', { role: 'pod' }, { ...keep, regex: '' });
  leaves('where other labels count too', { role: 'pod' }, { ...keep, source_labels: [...keep.source_labels, 'a'] });
  leaves('where a rule drops', { role: 'pod' }, { ...keep, action: 'drop' });
  leaves(
    'where a rule before writes the label',
    { role: 'pod' },
    { target_label: '__meta_kubernetes_pod_node_name', replacement: 'x' },
    keep,
  );
  leaves('where a rule before may write any label', { role: 'pod' }, { action: 'labelmap', regex: 'a(.+)' }, keep);
  leaves('where a rule before takes labels away', { role: 'pod' }, { action: 'labeldrop', regex: 'x' }, keep);
  leaves('for roles that have no node', { role: 'service' }, keep);
  asks(
    'leaves a selector that names the node',
    [['pod', undefined, 'spec.nodeName!=other']],
    { role: 'pod', selectors: [{ role: 'pod', field: 'spec.nodeName!=other' }] },
    keep,
  );

  const NODE = ['node', undefined, 'metadata.name=ip-10-0-1-2.ec2.internal'];
  const attach_metadata = { node: true };
  const own = { role: 'pod', field: OWN[2] };
  for (const role of ['pod', 'endpoints', 'endpointslice']) {
    asks(`looks at the metadata of the kept node alone, role ${role}`, [OWN, NODE], { role, attach_metadata }, keep);
  }
  asks('looks at the metadata of the node alone that a selector of pods names', [OWN, NODE], {
    role: 'pod',
    attach_metadata,
    selectors: [own],
  });
  for (const field of ['spec.nodeName!=a', 'status.phase=Running', 'metadata.name=spec.nodeName']) {
    const selectors = [{ role: 'pod', field }];
    asks(`looks at all nodes with ${field}`, [['pod', undefined, field]], { role: 'pod', attach_metadata, selectors });
  }
  asks('adds to what is said of nodes', [OWN, ['node', 'a=b', NODE[2]]], {
    role: 'pod',
    attach_metadata,
    selectors: [own, { role: 'node', label: 'a=b' }],
  });
  asks('looks at all nodes where only the pods of endpoints are selected: others have nodes, too', [OWN], {
    role: 'endpoints',
    attach_metadata,
    selectors: [own],
  });
});
