import { expect } from 'chai';
import { labelsOf, type Resource } from '#metrics';
import { planOf } from '#otlp';
import { batchOf, snapshotOf } from '../support/batch.ts';
import { EVERY_VALUE, everyType, flatPoints, otlpOf, pageOf } from '../support/otlp.ts';

const points = (set: ReturnType<typeof pageOf>, values: number[] = set.series.map((_, i) => i + 1)) =>
  flatPoints(otlpOf(batchOf(snapshotOf(set, values))));

/** `metric data {attributes} value` a point, without times. */
const shown = (set: ReturnType<typeof pageOf>, values?: number[]) =>
  points(set, values).map(({ metric, data, attributes, point }) => {
    const { startTimeUnixNano, timeUnixNano, flags, ...rest } = point;
    return `${metric} ${data} ${JSON.stringify(attributes)} ${JSON.stringify(rest)}`;
  });

describe('the OTLP plan of a series set', () => {
  it('is made once for a set', () => {
    const set = everyType();
    expect(planOf(set)).to.equal(planOf(set));
  });

  it('turns every Prometheus type into an OTLP metric', () => {
    expect(shown(everyType(), EVERY_VALUE)).to.deep.equal([
      'dns_requests_total sum {"zone":"."} {"asDouble":3}',
      'dns_requests_total sum {"zone":"a."} {"asDouble":0}',
      'cache_entries gauge {} {"asDouble":-1.5}',
      'odd gauge {"utf8.läbel":"ü"} {"asDouble":"NaN"}',
      'took_seconds histogram {"zone":"."} {"count":"6","sum":7.25,"bucketCounts":["2","3","1"],"explicitBounds":[0.5,2]}',
      'gc_seconds summary {} {"count":"9","sum":1.5,"quantileValues":[{"quantile":0.5,"value":0.01},{"quantile":1,"value":"Infinity"}]}',
      'build_info sum {"version":"1.12"} {"asDouble":1}',
      'health sum {"health":"ok"} {"asDouble":1}',
    ]);
  });

  it('says what only Prometheus knows in the metadata prometheus.type, and units in UCUM', () => {
    const plan = planOf(everyType());
    const metrics = plan.resources[0]!.scopes[0]!.metrics;
    expect(metrics.map(({ name, type, unit, data }) => [name, type, unit, data === 'sum'])).to.deep.equal([
      ['dns_requests_total', 'counter', '', true],
      ['cache_entries', 'gauge', '', false],
      ['odd', 'unknown', '', false],
      ['took_seconds', 'histogram', 's', false],
      ['gc_seconds', 'summary', 's', false],
      ['build_info', 'info', '', true],
      ['health', 'stateset', '', true],
    ]);
    expect(metrics.filter((m) => m.data === 'sum' && m.monotonic).map((m) => m.name)).to.deep.equal([
      'dns_requests_total',
    ]);
    expect([plan.points, plan.metrics, plan.flattened]).to.deep.equal([8, 7, 0]);
  });

  it('keeps the series of a gaugehistogram as gauges, as OTLP has no such type', () => {
    const set = pageOf([['gaugehistogram', 'age', ['age_bucket', { le: '+Inf' }], ['age_gsum'], ['age_gcount']]]);
    expect(shown(set)).to.deep.equal([
      'age_bucket gauge {"le":"+Inf"} {"asDouble":1}',
      'age_gsum gauge {} {"asDouble":2}',
      'age_gcount gauge {} {"asDouble":3}',
    ]);
  });

  describe('resources', () => {
    it('come from job and instance, which leave the points', () => {
      const [point] = points(pageOf([['gauge', 'up', ['up']]]));
      expect(point!.attributes).to.deep.equal({});
      expect(point!.resource).to.deep.equal({
        'service.name': 'coredns',
        'service.instance.id': '10.0.0.7:9153',
        'server.address': '10.0.0.7',
        'server.port': '9153',
      });
    });

    const addresses = (instance: string, want: Record<string, string>) =>
      it(`tell the server's address from the instance ${instance}`, () => {
        const [point] = points(pageOf([['gauge', 'up', ['up']]], undefined, { job: 'j', instance }));
        const { 'service.name': _, 'service.instance.id': __, ...rest } = point!.resource;
        expect(rest).to.deep.equal(want);
      });
    addresses('node-a', { 'server.address': 'node-a' });
    addresses('[fd00::1]:53', { 'server.address': 'fd00::1', 'server.port': '53' });
    addresses('localhost:9464', { 'server.port': '9464' });
    addresses('127.0.0.1:9464', { 'server.port': '9464' });
    addresses('[::1]:9464', { 'server.port': '9464' });

    it('are one for each target of a set, in order', () => {
      const set = pageOf([['gauge', 'up', ['up', { job: 'a' }], ['up', { job: 'b' }], ['up', { job: 'a', n: '2' }]]]);
      expect(points(set).map((p) => [p.resource['service.name'], p.point.asDouble])).to.deep.equal([
        ['a', 1],
        ['a', 3],
        ['b', 2],
      ]);
    });

    it('take in target_info, and what the set itself knows goes over both', () => {
      const resource: Resource = { attributes: labelsOf({ 'k8s.pod.name': 'dns-1', 'service.name': 'renamed' }) };
      const info: [string, Record<string, string>] = ['target_info', { 'host.name': 'n1', 'k8s.pod.name': 'older' }];
      const set = pageOf(
        [
          ['gauge', 'up', ['up']],
          ['info', 'target', info],
        ],
        resource,
      );
      const all = points(set);
      expect(all.map((p) => p.metric)).to.deep.equal(['up']);
      expect(all[0]!.resource).to.include({
        'host.name': 'n1',
        'k8s.pod.name': 'dns-1',
        'service.name': 'renamed',
        'service.instance.id': '10.0.0.7:9153',
      });
    });

    it('are empty for series without a target, and target_info then is a metric', () => {
      const set = pageOf([['gauge', 'target_info', ['target_info', { a: '1' }]]], undefined, {});
      const [point] = points(set);
      expect([point!.metric, point!.resource]).to.deep.equal(['target_info', {}]);
    });
  });

  it('takes the scope from otel_scope_ labels', () => {
    const labels = { otel_scope_name: 'lib', otel_scope_version: '2', otel_scope_team: 'dns', zone: '.' };
    const set = pageOf([['gauge', 'g', ['g', labels], ['g']]]);
    expect(points(set).map((p) => [p.scope, p.attributes])).to.deep.equal([
      ['lib@2', { zone: '.' }],
      ['dnscol@0.0.0-test', {}],
    ]);
    expect(planOf(set).resources[0]!.scopes[0]!.attributes).to.deep.equal(['team', 'dns']);
  });

  describe('histograms', () => {
    const bucket = (le: string): [string, Record<string, string>] => ['h_bucket', { le }];
    const histogram = (...series: [string, Record<string, string>?][]) => pageOf([['histogram', 'h', ...series]]);

    it('sort their bounds as numbers and level buckets that go down', () => {
      const set = histogram(bucket('10'), bucket('2'), bucket('+Inf'), bucket('1e-3'), ['h_count']);
      expect(shown(set, [4, 5, 9, 1, 9])).to.deep.equal([
        'h histogram {} {"count":"9","bucketCounts":["1","4","0","4"],"explicitBounds":[0.001,2,10]}',
      ]);
    });

    it('take their count from the bucket +Inf where there is no _count', () => {
      expect(shown(histogram(bucket('1'), bucket('+Inf')), [3, 5])).to.deep.equal([
        'h histogram {} {"count":"5","bucketCounts":["3","2"],"explicitBounds":[1]}',
      ]);
    });

    it('have no buckets where there are only _sum and _count', () => {
      expect(shown(histogram(['h_sum'], ['h_count']), [2.5, 5])).to.deep.equal([
        'h histogram {} {"count":"5","sum":2.5}',
      ]);
    });

    it('keep 53-bit counts', () => {
      expect(shown(histogram(['h_count']), [2 ** 53 - 1])).to.deep.equal([
        'h histogram {} {"count":"9007199254740991"}',
      ]);
    });

    it('are told apart by their other labels, wherever these stand', () => {
      const zones = ['b', 'a'].flatMap((zone): [string, Record<string, string>][] => [
        ['h_bucket', { zone, le: '+Inf', az: zone }],
        ['h_count', { zone, az: zone }],
      ]);
      const mixed = [zones[0]!, zones[2]!, zones[3]!, zones[1]!];
      expect(points(histogram(...mixed)).map((p) => [p.attributes.zone, p.point.count])).to.deep.equal([
        ['b', '4'],
        ['a', '3'],
      ]);
    });

    const flattens = (what: string, set: ReturnType<typeof pageOf>, want: string[]) =>
      it(`go as single numbers when ${what}`, () => {
        expect(shown(set)).to.deep.equal(want);
        expect(planOf(set).flattened).to.equal(set.series.length);
      });
    flattens('neither a count nor a bucket +Inf is there', histogram(bucket('1'), ['h_sum']), [
      'h_bucket sum {"le":"1"} {"asDouble":1}',
      'h_sum gauge {} {"asDouble":2}',
    ]);
    flattens('a bound is no number', histogram(bucket('many'), ['h_count']), [
      'h_bucket sum {"le":"many"} {"asDouble":1}',
      'h_count sum {} {"asDouble":2}',
    ]);
    flattens('two buckets have one bound', histogram(bucket('1'), bucket('1.0'), ['h_count']), [
      'h_bucket sum {"le":"1"} {"asDouble":1}',
      'h_bucket sum {"le":"1.0"} {"asDouble":2}',
      'h_count sum {} {"asDouble":3}',
    ]);
    flattens('a series has a name of another kind', histogram(['renamed', { le: '1' }]), [
      'renamed gauge {"le":"1"} {"asDouble":1}',
    ]);
    flattens('le is missing', histogram(['h_bucket'], ['h_count']), [
      'h_bucket sum {} {"asDouble":1}',
      'h_count sum {} {"asDouble":2}',
    ]);

    it('of one name but other labels do not fall with one that is broken', () => {
      const set = histogram(['h_count', { zone: 'a' }], ['h_sum', { zone: 'b' }]);
      expect(shown(set)).to.deep.equal([
        'h histogram {"zone":"a"} {"count":"1"}',
        'h_sum gauge {"zone":"b"} {"asDouble":2}',
      ]);
    });
  });

  it('goes back to single numbers for a summary without a count', () => {
    const set = pageOf([['summary', 's', ['s', { quantile: '0.9' }], ['s_sum']]]);
    expect(shown(set)).to.deep.equal(['s gauge {"quantile":"0.9"} {"asDouble":1}', 's_sum gauge {} {"asDouble":2}']);
  });

  it('makes no point of a _created series that has its counter, and one of a lonely one', () => {
    const set = pageOf([
      ['counter', 'x', ['x_created', { a: '1' }], ['x_total', { a: '1' }], ['x_created', { a: '2' }]],
    ]);
    expect(shown(set)).to.deep.equal([
      'x_total sum {"a":"1"} {"asDouble":2}',
      'x_created gauge {"a":"2"} {"asDouble":3}',
    ]);
  });
});
