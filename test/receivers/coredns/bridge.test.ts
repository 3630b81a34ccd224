import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Batch,
  formatLabels,
  isStale,
  labelsOf,
  makeFamily,
  makeSeries,
  makeSet,
  type SeriesSet,
  seriesName,
  staleValues,
} from '#metrics';
import { parsePage } from '#prometheus';
import { Bridge } from '../../../receivers/coredns/bridge.ts';
import type { MetricNames } from '../../../receivers/coredns/names.ts';

const DATA = new URL('../../../../shared/data/coredns-metrics/', import.meta.url).pathname;

/** A page as a scrape hands it on. */
function pageOf(text: string): { set: SeriesSet; values: Float64Array } {
  const page = parsePage(Buffer.from(text), { format: 'text' });
  return { set: makeSet(page.layout.samples.map((one) => makeSeries(one.family, one.labels))), values: page.values };
}

const shown = (batch: Batch): Record<string, number | string> =>
  Object.fromEntries(
    batch.flatMap(({ set, values }) =>
      set.series.map(({ labels }, i) => [formatLabels(labels), isStale(values, i) ? 'stale' : values[i]!]),
    ),
  );

function bridged(text: string, names: MetricNames = 'both'): Record<string, number | string> {
  return shown(new Bridge(names).bridge([{ ...pageOf(text), time: 1 }]).batch);
}

const PROXY = `# HELP coredns_proxy_request_duration_seconds Histogram of the time each request took.
# TYPE coredns_proxy_request_duration_seconds histogram
coredns_proxy_request_duration_seconds_bucket{proxy_name="forward",rcode="NOERROR",to="10.0.0.2:53",le="+Inf"} 5
coredns_proxy_request_duration_seconds_sum{proxy_name="forward",rcode="NOERROR",to="10.0.0.2:53"} 0.5
coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NOERROR",to="10.0.0.2:53"} 5
coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="SERVFAIL",to="10.0.0.2:53"} 2
coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NOERROR",to="10.0.0.3:53"} 7
# TYPE coredns_proxy_conn_cache_hits_total counter
coredns_proxy_conn_cache_hits_total{proto="tcp",proxy_name="forward",to="10.0.0.2:53"} 3
# TYPE coredns_proxy_healthcheck_failures_total counter
coredns_proxy_healthcheck_failures_total{proxy_name="forward",to="10.0.0.2:53"} 1
`;

describe('receivers/coredns names', () => {
  it('1.11 and later: upstream requests, answers and connections as coredns_forward_*', () => {
    expect(bridged(PROXY)).to.include({
      'coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NOERROR",to="10.0.0.2:53"}': 5,
      'coredns_forward_requests_total{to="10.0.0.2:53"}': 7,
      'coredns_forward_requests_total{to="10.0.0.3:53"}': 7,
      'coredns_forward_responses_total{rcode="SERVFAIL",to="10.0.0.2:53"}': 2,
      'coredns_forward_request_duration_seconds_bucket{le="+Inf",rcode="NOERROR",to="10.0.0.2:53"}': 5,
      'coredns_forward_request_duration_seconds_sum{rcode="NOERROR",to="10.0.0.2:53"}': 0.5,
      'coredns_forward_conn_cache_hits_total{proto="tcp",to="10.0.0.2:53"}': 3,
      'coredns_forward_healthcheck_failures_total{to="10.0.0.2:53"}': 1,
      'coredns_forward_healthcheck_failure_count_total{to="10.0.0.2:53"}': 1,
      'coredns_forward_request_count_total{to="10.0.0.2:53"}': 7,
    });
  });

  it('legacy leaves the new names out, current gives nothing but them', () => {
    expect(Object.keys(bridged(PROXY, 'legacy')).filter((key) => key.startsWith('coredns_proxy_'))).to.deep.equal([]);
    expect(bridged(PROXY, 'legacy')).to.include({ 'coredns_forward_requests_total{to="10.0.0.2:53"}': 7 });
    const { batch } = new Bridge('current').bridge([{ ...pageOf(PROXY), time: 1 }]);
    expect(batch).to.have.length(1);
    expect(Object.keys(shown(batch)).every((key) => key.startsWith('coredns_proxy_'))).to.equal(true);
  });

  it('types and helps go along: a counter made of a histogram is a counter', () => {
    const { batch } = new Bridge('both').bridge([{ ...pageOf(PROXY), time: 1 }]);
    const families = new Map(batch.flatMap(({ set }) => set.series.map((one) => [seriesName(one), one.family])));
    expect(families.get('coredns_forward_requests_total')).to.deep.include({
      name: 'coredns_forward_requests_total',
      type: 'counter',
    });
    expect(families.get('coredns_forward_request_duration_seconds_bucket')).to.deep.include({
      name: 'coredns_forward_request_duration_seconds',
      type: 'histogram',
      help: 'Histogram of the time each request took.',
    });
    expect(families.get('coredns_forward_request_duration_seconds_bucket')).to.equal(
      families.get('coredns_forward_request_duration_seconds_count'),
    );
  });

  it('1.7 to 1.10: upstream histogram and connections as coredns_proxy_*', () => {
    const page = `# TYPE coredns_forward_request_duration_seconds histogram
coredns_forward_request_duration_seconds_count{rcode="NOERROR",to="10.0.0.2:53"} 5
coredns_forward_conn_cache_misses_total{proto="udp",to="10.0.0.2:53"} 4
coredns_forward_requests_total{to="10.0.0.2:53"} 5
`;
    const renamed = {
      'coredns_proxy_request_duration_seconds_count{proxy_name="forward",rcode="NOERROR",to="10.0.0.2:53"}': 5,
      'coredns_proxy_conn_cache_misses_total{proto="udp",proxy_name="forward",to="10.0.0.2:53"}': 4,
    };
    expect(bridged(page)).to.include(renamed);
    // What no version after has is kept: nothing is lost.
    expect(bridged(page, 'current')).to.deep.equal({
      ...renamed,
      'coredns_forward_requests_total{to="10.0.0.2:53"}': 5,
    });
  });

  it('the plugin proxy of 1.4 and earlier is not taken for the proxy of 1.11', () => {
    const page =
      'coredns_proxy_request_duration_seconds_count{family="1",proto="udp",proxy_proto="dns",to="10.0.0.2:53"} 5\n';
    for (const names of ['both', 'current', 'legacy'] as const) {
      expect(Object.keys(bridged(page, names))).to.have.length(1);
    }
  });

  it('a name that the page itself has is not given again', () => {
    const page =
      'coredns_nodecache_setup_errors{errortype="iptables"} 1\ncoredns_nodecache_setup_errors_total{errortype="iptables"} 2\n';
    expect(Object.keys(bridged(page))).to.have.length(2);
    const { batch } = new Bridge('both').bridge([{ ...pageOf(page), time: 1 }]);
    expect(batch).to.have.length(1);
  });

  it('node-cache setup errors have both names', () => {
    expect(bridged('coredns_nodecache_setup_errors_total{errortype="iptables"} 2\n')).to.include({
      'coredns_nodecache_setup_errors{errortype="iptables"}': 2,
    });
    expect(bridged('coredns_nodecache_setup_errors{errortype="iptables"} 2\n', 'current')).to.deep.equal({
      'coredns_nodecache_setup_errors_total{errortype="iptables"}': 2,
    });
  });

  describe('recorded pages', () => {
    const load = (name: string) => readFileSync(join(DATA, name), 'utf8');
    const total = (samples: Record<string, number | string>, name: string) =>
      Object.entries(samples)
        .filter(([key]) => key.startsWith(`${name}{`))
        .reduce((all, [, value]) => all + Number(value), 0);

    for (const [older, newer] of [
      ['coredns_dns_request_count_total', 'coredns_dns_requests_total'],
      ['coredns_dns_response_rcode_count_total', 'coredns_dns_responses_total'],
      ['coredns_panic_count_total', 'coredns_panics_total'],
    ] as const) {
      it(`${older} of 1.6.9 and ${newer} of 1.7.0 add up to the same under either name`, () => {
        const old = bridged(load('netdata-version169-some_load.txt'));
        const young = bridged(load('netdata-version170-some_load.txt'));
        for (const page of [old, young]) expect(total(page, older)).to.equal(total(page, newer));
        expect(total(old, older) + total(young, older)).to.be.above(older.includes('panic') ? -1 : 0);
      });
    }

    it('requests by type are counted from 1.7.0 on by adding up', () => {
      const page = bridged(load('netdata-version170-some_load.txt'));
      expect(page['coredns_dns_request_type_count_total{server="dns://:54",type="MX",zone="dropped"}']).to.equal(4);
      expect(
        page['coredns_dns_request_count_total{family="1",proto="udp",server="dns://:54",zone="dropped"}'],
      ).to.equal(12);
    });

    it('1.13.1: cache_entries is cache_size, too', () => {
      const page = bridged(load('coredns-1.13.1-excerpt.prom'), 'legacy');
      expect(page).to.include({ 'coredns_cache_size{server="dns://:53",type="denial",zones="."}': 1 });
      expect(page).to.include({ 'coredns_cache_entries{server="dns://:53",type="denial",zones="."}': 1 });
    });

    it('every name that a version gave up is bridged, but for two that nothing took the place of', () => {
      const rows = load('coredns-metric-definitions-by-version.tsv').trim().split('\n').slice(1);
      const versions = new Map<string, Set<string>>();
      const types = new Map<string, string>();
      for (const row of rows) {
        const [version = '', name = '', type = ''] = row.split('\t');
        versions.set(version, (versions.get(version) ?? new Set()).add(name));
        types.set(name, type);
      }
      const last = [...versions.values()].at(-1)!;
      const lost = [...types.keys()].filter((name) => !last.has(name));
      expect(lost.length).to.be.above(20);
      const orphans = lost.filter((name) => {
        const series = types.get(name) === 'histogram' ? `${name}_count` : name;
        return Object.keys(bridged(`${series}{to="a"} 1\n`)).length < 2;
      });
      expect(orphans.sort()).to.deep.equal(['coredns_dns_request_type_count_total', 'coredns_forward_sockets_open']);
    });
  });
});

describe('receivers/coredns bridge', () => {
  const series = (name: string, labels: Record<string, string>) =>
    makeSeries(makeFamily(name, 'counter'), labelsOf({ __name__: name, ...labels }));
  const count = 'coredns_proxy_request_duration_seconds_count';
  const ok = series(count, { proxy_name: 'forward', rcode: 'NOERROR', to: 'a' });
  const bad = series(count, { proxy_name: 'forward', rcode: 'SERVFAIL', to: 'a' });
  const other = series('coredns_build_info', {});
  const batchOf = (set: SeriesSet, values: number[]): Batch => [{ set, values: Float64Array.from(values), time: 1 }];

  it('the same set gives the same sets, and the snapshot itself where nothing is left out', () => {
    const bridge = new Bridge('both');
    const batch = batchOf(makeSet([ok, bad, other]), [1, 2, 3]);
    const first = bridge.bridge(batch).batch;
    expect(first[0]).to.equal(batch[0]);
    const second = bridge.bridge(batchOf(batch[0]!.set, [4, 5, 6])).batch;
    expect(second.map(({ set }) => set)).to.have.ordered.members(first.map(({ set }) => set));
    expect(shown(second)['coredns_forward_requests_total{to="a"}']).to.equal(9);
  });

  it('a sum goes on as the same series when one of its parts vanishes, and is not marked stale', () => {
    const bridge = new Bridge('both');
    const requests = (batch: Batch) =>
      batch.flatMap(({ set }) => set.series).filter((one) => seriesName(one) === 'coredns_forward_requests_total');
    const before = bridge.bridge(batchOf(makeSet([ok, bad]), [1, 2]));
    before.arrived();
    const marks = { set: makeSet([ok]), values: staleValues(1), time: 2 };
    const after = bridge.bridge([...batchOf(makeSet([bad]), [2]), marks]);
    after.arrived();
    expect(requests(after.batch)).to.deep.equal(requests(before.batch));
    expect(requests(after.batch)[0]).to.equal(requests(before.batch)[0]);
    expect(shown(after.batch)).to.include({
      'coredns_forward_requests_total{to="a"}': 2,
      'coredns_forward_responses_total{rcode="NOERROR",to="a"}': 'stale',
      'coredns_forward_responses_total{rcode="SERVFAIL",to="a"}': 2,
    });
    const next = bridge.bridge(batchOf(makeSet([ok, bad]), [3, 4]));
    expect(requests(next.batch)[0]).to.equal(requests(before.batch)[0]);
  });

  it('a failed scrape ends every derived series, once it has arrived and no sooner', () => {
    const bridge = new Bridge('legacy');
    const set = makeSet([ok, other]);
    bridge.bridge(batchOf(set, [1, 2])).arrived();
    const marks: Batch = [{ set, values: staleValues(2), time: 2 }];
    const refused = shown(bridge.bridge(marks).batch);
    expect(refused['coredns_forward_requests_total{to="a"}']).to.equal('stale');
    expect(refused['coredns_build_info{}']).to.equal('stale');
    expect(Object.keys(refused).some((key) => key.startsWith('coredns_proxy_'))).to.equal(false);
    const again = bridge.bridge(marks);
    expect(shown(again.batch)).to.deep.equal(refused);
    again.arrived();
    expect(shown(bridge.bridge([]).batch)).to.deep.equal({});
  });

  it('a batch with nothing of CoreDNS passes as it is', () => {
    const batch = batchOf(makeSet([other]), [1]);
    expect(new Bridge('legacy').bridge(batch).batch).to.deep.equal(batch);
  });
});
