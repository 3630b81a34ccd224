/**
 * CPU time of relabelling, a sample, beside the usual way: rules run for every sample, on an object of labels, with
 * JavaScript's own RegExp. `node bench/relabel.ts [seconds a case]`
 */
import { parse } from '#config';
import { labelMap, labelsOf, makeFamily, makeSeries, makeSet, type Series, type SeriesSet } from '#metrics';
import { compileRelabel, relabelConfigsSchema } from '#prometheus';
import { applyPlan, setRelabeler } from '../processors/relabel/plan.ts';

const SERIES = 1000;
const seconds = Number(process.argv[2] ?? 1);

/** Drops some, rewrites a label, takes one away: what a cluster's configuration typically has. */
const RULES = [
  { source_labels: ['__name__'], regex: 'coredns_(panics|plugin_enabled).*', action: 'drop' },
  { source_labels: ['zone'], regex: '([^.]+)\\.cluster\\.local\\.', target_label: 'zone', replacement: '$1' },
  { source_labels: ['instance'], regex: '([^:]+)(:\\d+)?', target_label: 'node', replacement: 'node-$1' },
  { regex: 'view|server', action: 'labeldrop' },
];

function coredns(): Series[] {
  const family = makeFamily('coredns_dns_request_duration_seconds', 'histogram');
  return Array.from({ length: SERIES }, (_, i) => {
    const name = i % 40 === 0 ? 'coredns_panics_total' : `${family.name}_bucket`;
    const common = { instance: '10.0.0.1:9153', job: 'coredns', cluster: 'bench', server: 'dns://:53', view: '' };
    const own = { zone: `zone-${i % 59}.cluster.local.`, le: String(i) };
    return makeSeries(family, labelsOf({ __name__: name, ...common, ...own }));
  });
}

const rules = parse(relabelConfigsSchema, RULES);
const relabeler = compileRelabel(rules);
const set = makeSet(coredns());
const values = Float64Array.from({ length: SERIES }, (_, i) => i);
const fresh = () => setRelabeler(relabeler, () => {});

const patterns = rules.map((rule) => new RegExp(`^(?:${rule.regex.source})$`, 's'));
function naive(from: SeriesSet): number {
  let kept = 0;
  for (const { labels } of from.series) {
    const map = Object.fromEntries(labelMap(labels));
    const [drop, zone, node, without] = patterns as [RegExp, RegExp, RegExp, RegExp];
    if (drop.test(map.__name__ ?? '')) continue;
    if (zone.test(map.zone ?? '')) map.zone = map.zone!.replace(zone, '$1');
    if (node.test(map.instance ?? '')) map.node = map.instance!.replace(node, 'node-$1');
    for (const name of Object.keys(map)) if (without.test(name)) delete map[name];
    kept += Object.keys(map).length;
  }
  return kept;
}

function measure(title: string, run: () => void, against?: number): number {
  for (let warm = 0; warm < 30; warm++) run();
  let best = Number.POSITIVE_INFINITY;
  for (let part = 0; part < 5; part++) {
    const began = process.cpuUsage();
    const until = performance.now() + seconds * 200;
    let rounds = 0;
    while (performance.now() < until) {
      run();
      rounds++;
    }
    const { user, system } = process.cpuUsage(began);
    best = Math.min(best, ((user + system) * 1000) / rounds / SERIES);
  }
  const ratio = against ? `  ${(best / against).toFixed(4)} of the usual way` : '';
  process.stdout.write(`${title.padEnd(44)} ${best.toFixed(1).padStart(8)} ns/sample${ratio}\n`);
  return best;
}

const usual = measure('usual way: every sample, objects, RegExp', () => naive(set));
measure('rules alone: every series, RE2', () => set.series.map((one) => relabeler.relabel(one.labels)), usual);
measure('a source seen for the first time', () => fresh()(set), usual);

let tick = 0;
const churning = fresh();
measure(
  'churn: ten series in a thousand new each time',
  () => {
    const from = ++tick % 100;
    churning(makeSet(set.series.map((one, i) => (i % 100 === from ? { ...one } : one))));
  },
  usual,
);

const stable = fresh();
measure('the same set again', () => applyPlan({ set, values, time: 0 }, stable(set)), usual);
