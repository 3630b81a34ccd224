import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { MetricDeclaration } from '#component';
import { components } from '../src/components.ts';

/** What begins so is a series of ours; other names of `coredns_*` come from the scraped server. */
const OURS =
  /^(dns_probe_|dns_sockets_|dnsmasq_|conntrack_|node_net_ethtool|corefile_|resolv_conf_|cgroup_|coredns_ready|coredns_plugin_not_ready|coredns_health_up|localdns_)/;
const HISTOGRAM_SUFFIX = /_(bucket|count|sum)$/;

interface Named {
  name: string;
  labels: string[];
}

/** Each `name` and `name{label="value",…}` in backticks. */
function metricsIn(text: string): Named[] {
  return [...text.matchAll(/`(\w+)(?:\{([^`]*)\})?`/g)].map(([, name = '', selector = '']) => ({
    name,
    labels: [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!),
  }));
}

async function declared(): Promise<Map<string, MetricDeclaration>> {
  const modules = await Promise.all(Object.values(components.receiver).map((load) => load()));
  const metrics = modules.flatMap(({ default: factory }) => factory.metrics ?? []);
  return new Map(metrics.map((metric) => [metric.name, metric]));
}

function find(metrics: ReadonlyMap<string, MetricDeclaration>, name: string): MetricDeclaration | undefined {
  const family = metrics.get(name.replace(HISTOGRAM_SUFFIX, ''));
  return metrics.get(name) ?? (family?.type === 'histogram' ? family : undefined);
}

describe('the catalogue of incidents', () => {
  const text = readFileSync('docs/incidents.md', 'utf8');
  const ours = metricsIn(text).filter(({ name }) => OURS.test(name));

  it('has each of the forty once, in order', () => {
    const rows = [...text.matchAll(/^\| *(\d+) *\|/gm)].map(([, number]) => Number(number));
    expect(rows).to.deep.equal(Array.from({ length: 40 }, (_, i) => i + 1));
  });

  it('names only series, and labels of them, that a receiver declares', async () => {
    const metrics = await declared();
    expect(ours.length).to.be.above(60);
    const faults = ours.flatMap(({ name, labels }) => {
      const metric = find(metrics, name);
      if (!metric) return [`${name} is declared by no receiver`];
      const unknown = labels.filter((label) => label !== 'le' && !metric.labels?.includes(label));
      return unknown.map((label) => `${name} has no label ${label}`);
    });
    expect(faults).to.deep.equal([]);
  });

  it('points to the README of each receiver whose series it names', () => {
    const links = [...text.matchAll(/\]\(\.\.\/receivers\/(\w+)\/README\.md\)/g)].map(([, type]) => type!);
    const owners = ours.map(({ name }) => {
      if (name.startsWith('node_net_ethtool')) return 'ethtool';
      return Object.keys(components.receiver).find((type) => name.startsWith(`${type}_`));
    });
    expect([...new Set(links)].sort()).to.deep.equal([...new Set(owners)].sort());
  });
});
