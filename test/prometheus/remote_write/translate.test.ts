import { expect } from 'chai';
import { labelsOf, type MetricType, makeFamily, makeSeries, makeSet, type Resource, type Series } from '#metrics';
import {
  createRemoteWriteEncoder,
  escapeLabelName,
  escapeMetricName,
  type TranslateOptions,
  withSuffixes,
} from '#prometheus';
import { decodeBody } from '../../support/write_request.ts';

const PLAIN: TranslateOptions = {
  externalLabels: [],
  namespace: '',
  suffixes: false,
  resourceLabels: 'none',
  targetInfo: false,
  escape: true,
};

const series = (labels: Record<string, string>, type: MetricType = 'gauge', unit = ''): Series =>
  makeSeries(makeFamily(labels.__name__ ?? '', type, '', unit), labelsOf(labels));

/** The labels that go out, one object a series, and how many were dropped. */
function sent(
  all: readonly Series[],
  options: Partial<TranslateOptions> = {},
  attributes: Record<string, string> = {},
) {
  const encoder = createRemoteWriteEncoder({
    ...PLAIN,
    ...options,
    lanes: 1,
    maxLength: 1_000_000,
  });
  const resource: Resource = { attributes: labelsOf(attributes) };
  const values = new Float64Array(all.length);
  const { bodies, dropped } = encoder.encode([{ set: makeSet(all, resource), values, time: 1_700_000_000_000 }]);
  const labels = bodies.flatMap((body) => decodeBody(body.bytes).series.map((one) => one.labels));
  return { labels, dropped };
}

const becomes = (
  title: string,
  given: Record<string, string>,
  want: string[],
  options: Partial<TranslateOptions> = {},
  attributes: Record<string, string> = {},
) => it(title, () => expect(sent([series(given)], options, attributes).labels).to.deep.equal([want]));

describe('remote-write labels', () => {
  becomes('legal ones go out as they are', { __name__: 'a:b', x_1: 'ü' }, ['__name__', 'a:b', 'x_1', 'ü']);
  becomes('characters that are not allowed become underscores', { __name__: 'a.b-ü', 'k.x': '1' }, [
    ...['__name__', 'a_b__', 'k_x', '1'],
  ]);
  becomes('label names that come out the same are joined with ;', { __name__: 'm', 'a.b': '1', a_b: '2' }, [
    ...['__name__', 'm', 'a_b', '1;2'],
  ]);
  becomes('escaped names are sorted anew', { __name__: 'm', 'a-z': '1', aA: '2' }, [
    ...['__name__', 'm', 'aA', '2', 'a_z', '1'],
  ]);
  becomes(
    'external labels do not replace a series own',
    { __name__: 'm', a: '1' },
    ['__name__', 'm', 'a', '1', 'z', '9'],
    {
      externalLabels: labelsOf({ a: '0', z: '9' }),
    },
  );
  becomes('a namespace goes before the name', { __name__: 'm' }, ['__name__', 'dns_m'], { namespace: 'dns' });
  becomes(
    'job and instance come from the service where the series has none',
    { __name__: 'm' },
    ['__name__', 'm', 'instance', 'i', 'job', 'ns/s'],
    {},
    { 'service.name': 's', 'service.namespace': 'ns', 'service.instance.id': 'i' },
  );
  becomes(
    'job and instance of the series win over the service',
    { __name__: 'm', job: 'j', instance: 'k' },
    ['__name__', 'm', 'instance', 'k', 'job', 'j'],
    {},
    { 'service.name': 's', 'service.instance.id': 'i' },
  );
  becomes(
    'resource attributes become labels when asked for, a series own label wins',
    { __name__: 'm', job: 'j', k8s_pod: 'own' },
    ['__name__', 'm', 'host_name', 'h', 'job', 'j', 'k8s_pod', 'own', 'service_name', 's'],
    { resourceLabels: 'all' },
    { 'service.name': 's', 'host.name': 'h', 'k8s.pod': 'p' },
  );
  becomes(
    'resource attributes without those of the service',
    { __name__: 'm', job: 'j' },
    ['__name__', 'm', 'host_name', 'h', 'job', 'j'],
    { resourceLabels: 'not-service' },
    { 'service.name': 's', 'host.name': 'h' },
  );

  const scraped = { __name__: 'up', job: 'j', instance: 'dns.example:9153' };
  const itself = ['__name__', 'up', 'instance', 'dns.example:9153', 'job', 'j'];
  const server = ['server_address', 'dns.example', 'server_port', '9153'];
  becomes(
    'what job and instance say of the resource becomes labels, too, as with the Collector',
    scraped,
    [...itself, ...server, 'service_instance_id', 'dns.example:9153', 'service_name', 'j', 'url_scheme', 'http'],
    { resourceLabels: 'all' },
    { 'url.scheme': 'http' },
  );
  becomes(
    'what job and instance say of the server becomes labels without the service',
    scraped,
    [...itself, ...server, 'url_scheme', 'http'],
    { resourceLabels: 'not-service' },
    { 'url.scheme': 'http' },
  );

  it('a series that comes out the same as an earlier one of its source is dropped', () => {
    const { labels, dropped } = sent([
      series({ __name__: 'a.b' }),
      series({ __name__: 'a_b' }),
      series({ __name__: 'c' }),
    ]);
    expect(labels).to.deep.equal([
      ['__name__', 'a_b'],
      ['__name__', 'c'],
    ]);
    expect(dropped).to.equal(1);
  });

  it('labels follow the resource when it changes and the series do not', () => {
    const encoder = createRemoteWriteEncoder({
      ...PLAIN,
      resourceLabels: 'all',
      lanes: 1,
      maxLength: 1_000_000,
    });
    const all = [series({ __name__: 'm', job: 'j' })];
    const hosts = ['h1', 'h2'].map((host) => {
      const set = makeSet(all, { attributes: labelsOf({ 'host.name': host }) });
      const { bodies } = encoder.encode([{ set, values: new Float64Array(1), time: 1_700_000_000_000 }]);
      return decodeBody(bodies[0]!.bytes).series[0]!.labels[3];
    });
    expect(hosts).to.deep.equal(['h1', 'h2']);
  });
});

describe('remote-write names', () => {
  const escapes = (metric: string, want: string, label: string) =>
    it(`${JSON.stringify(metric)} is ${want} as a metric and ${label} as a label`, () => {
      expect([escapeMetricName(metric), escapeLabelName(metric)]).to.deep.equal([want, label]);
    });
  escapes('http.server:x', 'http_server:x', 'http_server_x');
  escapes('9lives', '_9lives', 'key_9lives');
  escapes('😀', '_', '_');

  const suffixed = (name: string, type: MetricType, unit: string, want: string, family = name) =>
    it(`${name}, a ${type} in ${JSON.stringify(unit)}, is ${want} with suffixes`, () => {
      expect(withSuffixes(name, makeFamily(family, type, '', unit))).to.equal(want);
    });
  suffixed('requests', 'counter', '', 'requests_total');
  suffixed('requests_total', 'counter', '', 'requests_total');
  suffixed('uptime', 'gauge', 's', 'uptime_seconds');
  suffixed('uptime_seconds', 'gauge', 'seconds', 'uptime_seconds');
  suffixed('io', 'counter', 'By', 'io_bytes_total');
  suffixed('io_total', 'counter', 'By', 'io_bytes_total');
  suffixed('speed', 'gauge', 'By/s', 'speed_bytes_per_second');
  suffixed('use', 'gauge', '1', 'use_ratio');
  suffixed('things', 'gauge', '{things}', 'things');
  suffixed('wait_bucket', 'histogram', 'ms', 'wait_milliseconds_bucket', 'wait');
  suffixed('wait_sum', 'summary', 's', 'wait_seconds_sum', 'wait');
  suffixed('wait', 'summary', 's', 'wait_seconds');
});
