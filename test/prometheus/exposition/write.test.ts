import { expect } from 'chai';
import {
  labelsOf,
  type MetricType,
  makeFamily,
  makeSeries,
  makeSet,
  markStale,
  type SeriesSet,
  seriesName,
  staleValues,
} from '#metrics';
import { createPageWriter, negotiateFormat, type PageConflict, type PageSource, parsePage } from '#prometheus';

const TEXT = negotiateFormat('text/plain', false);
const OPEN_METRICS = negotiateFormat('application/openmetrics-text;version=1.0.0', true);
const UTF8 = negotiateFormat('text/plain;version=1.0.0;escaping=allow-utf-8', false);

/** `[family, type, help?, unit?]` and its samples: a name, labels and a value. */
type Described = [
  family: [string, MetricType, string?, string?],
  ...samples: [string, Record<string, string>, number][],
];

function source(...described: Described[]): PageSource {
  const series = described.flatMap(([family, ...samples]) => {
    const made = makeFamily(...family);
    return samples.map(([name, labels]) => makeSeries(made, labelsOf({ ...labels, __name__: name })));
  });
  const values = Float64Array.from(described.flatMap(([, ...samples]) => samples.map(([, , value]) => value)));
  return { snapshot: { set: makeSet(series), values, time: 1_700_000_000_000 } };
}

async function page(sources: PageSource[], format = TEXT, conflicts: PageConflict[] = []): Promise<string> {
  const writer = createPageWriter({ onConflict: (conflict) => conflicts.push(conflict) });
  return (await writer.write(sources, format)).toString();
}

/** The page, found valid by the strict parser of its format. */
async function validPage(sources: PageSource[], format = TEXT): Promise<string> {
  const text = await page(sources, format);
  parsePage(Buffer.from(text), { format: format.openMetrics ? 'openmetrics' : 'text', strict: true });
  return text;
}

const counter = source([
  ['http_total', 'counter', 'Requests.'],
  ['http_total', { code: '200' }, 5],
]);
const histogram = source([
  ['rpc_seconds', 'histogram', 'Time.', 'seconds'],
  ['rpc_seconds_bucket', { le: '0.5' }, 1],
  ['rpc_seconds_bucket', { le: '1' }, 2],
  ['rpc_seconds_bucket', { le: '+Inf' }, 2],
  ['rpc_seconds_sum', {}, 1.25],
  ['rpc_seconds_count', {}, 2],
]);

describe('exposition writer', () => {
  describe('in text format 0.0.4', () => {
    const writes = (what: string, sources: PageSource[], want: string) =>
      it(what, async () => {
        expect(await validPage(sources)).to.equal(want);
      });

    writes(
      'a counter',
      [counter],
      '# HELP http_total Requests.\n# TYPE http_total counter\nhttp_total{code="200"} 5\n',
    );
    writes(
      'a histogram, bounds as they came',
      [histogram],
      '# HELP rpc_seconds Time.\n# TYPE rpc_seconds histogram\nrpc_seconds_bucket{le="0.5"} 1\n' +
        'rpc_seconds_bucket{le="1"} 2\nrpc_seconds_bucket{le="+Inf"} 2\nrpc_seconds_sum 1.25\nrpc_seconds_count 2\n',
    );
    writes(
      'a counter without _total as a counter',
      [
        source([
          ['requests', 'counter'],
          ['requests', {}, 1],
        ]),
      ],
      '# TYPE requests counter\nrequests 1\n',
    );
    writes(
      'an OpenMetrics counter under its full name, and its creation as a gauge',
      [
        source([
          ['x', 'counter', 'X.'],
          ['x_total', {}, 1],
          ['x_created', {}, 1.5e9],
        ]),
      ],
      '# HELP x_created X.\n# TYPE x_created gauge\nx_created 1.5e+09\n# HELP x_total X.\n# TYPE x_total counter\nx_total 1\n',
    );
    writes(
      'info, stateset and unknown by what the format has for them',
      [
        source(
          [
            ['build', 'info'],
            ['build_info', { v: '1' }, 1],
          ],
          [
            ['mode', 'stateset'],
            ['mode', { mode: 'a' }, 1],
            ['mode', { mode: 'b' }, 0],
          ],
          [
            ['odd', 'unknown'],
            ['odd', {}, 3],
          ],
        ),
      ],
      '# TYPE build_info gauge\nbuild_info{v="1"} 1\n# TYPE mode gauge\nmode{mode="a"} 1\nmode{mode="b"} 0\n' +
        '# TYPE odd untyped\nodd 3\n',
    );
    writes(
      'a gauge histogram as untyped series, for as a histogram it would lack _sum and _count',
      [
        source([
          ['g', 'gaugehistogram'],
          ['g_bucket', { le: '+Inf' }, 2],
          ['g_gcount', {}, 2],
          ['g_gsum', {}, 3],
        ]),
      ],
      '# TYPE g_bucket untyped\ng_bucket{le="+Inf"} 2\n# TYPE g_gcount untyped\ng_gcount 2\n# TYPE g_gsum untyped\ng_gsum 3\n',
    );
    writes(
      'a summary',
      [
        source([
          ['s', 'summary'],
          ['s', { quantile: '0.5' }, 1],
          ['s_sum', {}, 2],
          ['s_count', {}, 3],
        ]),
      ],
      '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 2\ns_count 3\n',
    );
    writes(
      'escapes in labels and help',
      [
        source([
          ['m', 'gauge', 'a "b"\\\nc'],
          ['m', { l: 'a "b"\\\nc\té' }, 1],
        ]),
      ],
      '# HELP m a "b"\\\\\\nc\n# TYPE m gauge\nm{l="a \\"b\\"\\\\\\nc\té"} 1\n',
    );
  });

  describe('in OpenMetrics', () => {
    const writes = (what: string, sources: PageSource[], want: string) =>
      it(what, async () => {
        expect(await validPage(sources, OPEN_METRICS)).to.equal(`${want}# EOF\n`);
      });
    writes('nothing', [], '');
    writes('a counter', [counter], '# HELP http Requests.\n# TYPE http counter\nhttp_total{code="200"} 5\n');
    writes(
      'a histogram with canonical bounds and its unit',
      [histogram],
      '# HELP rpc_seconds Time.\n# TYPE rpc_seconds histogram\n# UNIT rpc_seconds seconds\n' +
        'rpc_seconds_bucket{le="0.5"} 1\nrpc_seconds_bucket{le="1.0"} 2\nrpc_seconds_bucket{le="+Inf"} 2\n' +
        'rpc_seconds_sum 1.25\nrpc_seconds_count 2\n',
    );
    writes(
      'a counter without _total as unknown, so that its name stays',
      [
        source([
          ['requests', 'counter'],
          ['requests', {}, 1],
        ]),
      ],
      '# TYPE requests unknown\nrequests 1\n',
    );
    writes(
      'a gauge beside a counter of the same stem, whichever comes first',
      [
        source([
          ['x_total', 'counter'],
          ['x_total', {}, 1],
        ]),
        source([
          ['x', 'gauge'],
          ['x', {}, 2],
        ]),
      ],
      '# TYPE x gauge\nx 2\n# TYPE x_total unknown\nx_total 1\n',
    );
    writes(
      "a client's creation gauges as part of the counters",
      [
        source(
          [
            ['x_total', 'counter'],
            ['x_total', { a: '1' }, 1],
            ['x_total', { a: '2' }, 1],
          ],
          [
            ['x_created', 'gauge'],
            ['x_created', { a: '1' }, 3],
            ['x_created', { a: '2' }, 4],
          ],
        ),
      ],
      '# TYPE x counter\nx_total{a="1"} 1\nx_created{a="1"} 3\nx_total{a="2"} 1\nx_created{a="2"} 4\n',
    );
    writes(
      'the samples of a metric together',
      [
        source([
          ['s', 'summary'],
          ['s_count', { a: '1' }, 1],
          ['s_count', { a: '2' }, 2],
          ['s_sum', { a: '1' }, 3],
          ['s_sum', { a: '2' }, 4],
          ['s', { a: '1', quantile: '1' }, 5],
        ]),
      ],
      '# TYPE s summary\ns_count{a="1"} 1\ns_sum{a="1"} 3\ns{a="1",quantile="1.0"} 5\ns_count{a="2"} 2\ns_sum{a="2"} 4\n',
    );
    writes(
      'info and stateset as they are',
      [
        source(
          [
            ['build', 'info', 'a "b"'],
            ['build_info', { v: '1' }, 1],
          ],
          [
            ['mode', 'stateset'],
            ['mode', { mode: 'a' }, 1],
          ],
        ),
      ],
      '# HELP build a \\"b\\"\n# TYPE build info\nbuild_info{v="1"} 1\n# TYPE mode stateset\nmode{mode="a"} 1\n',
    );
    writes(
      'no unit that the name does not end in',
      [
        source([
          ['m', 'gauge', '', 'seconds'],
          ['m', {}, 1],
        ]),
      ],
      '# TYPE m gauge\nm 1\n',
    );
  });

  it('puts the samples of all sources under one heading', async () => {
    const of = (instance: string) =>
      source([
        ['up', 'gauge', 'Up.'],
        ['up', { instance }, 1],
      ]);
    expect(await validPage([of('a'), counter, of('b')])).to.contain(
      '# HELP up Up.\n# TYPE up gauge\nup{instance="a"} 1\nup{instance="b"} 1\n',
    );
  });

  describe('when sources contradict each other', () => {
    const of = (type: MetricType, help: string, instance: string, name = 'm') =>
      source([
        [name, type, help],
        [name, { instance }, 1],
      ]);

    it('keeps the first type and tells', async () => {
      const conflicts: PageConflict[] = [];
      const text = await page([of('gauge', 'H', 'a'), of('counter', 'H', 'b')], TEXT, conflicts);
      expect(text).to.equal('# HELP m H\n# TYPE m gauge\nm{instance="a"} 1\nm{instance="b"} 1\n');
      expect(conflicts).to.deep.equal([{ name: 'm', what: 'type' }]);
    });

    it('keeps the first help and tells', async () => {
      const conflicts: PageConflict[] = [];
      const text = await page([of('gauge', 'One.', 'a'), of('gauge', 'Two.', 'b')], TEXT, conflicts);
      expect(text).to.match(/^# HELP m One\.\n# TYPE m gauge\nm.*\nm.*\n$/);
      expect(conflicts).to.deep.equal([{ name: 'm', what: 'help' }]);
    });

    it('keeps a page valid where one name is a part of the other', async () => {
      const gauge = of('gauge', '', 'a', 'rpc_seconds_count');
      for (const sources of [
        [gauge, histogram],
        [histogram, gauge],
      ]) {
        for (const format of [TEXT, OPEN_METRICS]) {
          const text = await page(sources, format);
          const parsed = parsePage(Buffer.from(text), { format: format.openMetrics ? 'openmetrics' : 'text' });
          expect(parsed.layout.samples).to.have.length(6);
          expect(text.match(/# TYPE (\S+)/g)).to.deep.equal([...new Set(text.match(/# TYPE (\S+)/g))]);
        }
      }
    });

    it('tells again only when the layout is made anew', async () => {
      const conflicts: PageConflict[] = [];
      const writer = createPageWriter({ onConflict: (conflict) => conflicts.push(conflict) });
      const sources = [of('gauge', 'One.', 'a'), of('gauge', 'Two.', 'b')];
      await writer.write(sources, TEXT);
      await writer.write(sources, TEXT);
      expect(conflicts).to.have.length(1);
    });
  });

  describe('names outside the classic alphabet', () => {
    const odd = source([
      ['my.metric', 'gauge', 'H'],
      ['my.metric', { 'a.b': '1', c: '2' }, 1],
    ]);
    const writes = (escaping: string, want: string) =>
      it(`with escaping=${escaping}`, async () => {
        const format = negotiateFormat(`text/plain;version=1.0.0;escaping=${escaping}`, false);
        expect((await page([odd], format)).split('\n')[2]).to.equal(want);
      });
    writes('allow-utf-8', '{"my.metric","a.b"="1",c="2"} 1');
    writes('underscores', 'my_metric{a_b="1",c="2"} 1');
    writes('dots', 'my_dot_metric{a_dot_b="1",c="2"} 1');
    writes('values', 'U__my_2e_metric{U__a_2e_b="1",c="2"} 1');

    it('are quoted in the comments too', async () => {
      expect(await validPage([odd], UTF8)).to.match(/^# HELP "my\.metric" H\n# TYPE "my\.metric" gauge\n/);
    });

    it('show no series twice that look the same once escaped', async () => {
      const conflicts: PageConflict[] = [];
      const twin = source([
        ['my_metric', 'gauge', 'H'],
        ['my_metric', { a_b: '1', c: '2' }, 2],
      ]);
      expect(await page([odd, twin], TEXT, conflicts)).to.equal(
        '# HELP my_metric H\n# TYPE my_metric gauge\nmy_metric{a_b="1",c="2"} 1\n',
      );
      expect(conflicts.map(({ what }) => what)).to.include('name');
    });

    it('join the values of labels that become one', async () => {
      const both = source([
        ['m', 'gauge'],
        ['m', { 'a.b': '1', a_b: '2' }, 1],
      ]);
      expect(await page([both])).to.contain('m{a_b="1;2"} 1');
    });
  });

  describe('values', () => {
    const shows = (value: number, want: string) =>
      it(`${Object.is(value, -0) ? '-0' : value} as ${want}`, async () => {
        expect(
          await page([
            source([
              ['m', 'gauge'],
              ['m', {}, value],
            ]),
          ]),
        ).to.contain(`m ${want}\n`);
      });
    shows(0, '0');
    shows(-0, '-0');
    shows(-7, '-7');
    shows(999_999, '999999');
    shows(1_000_000, '1e+06');
    shows(123_456_789, '1.23456789e+08');
    shows(0.1, '0.1');
    shows(0.00001, '1e-05');
    shows(2 ** 53, '9.007199254740992e+15');
    shows(5e-324, '5e-324');
    shows(Number.POSITIVE_INFINITY, '+Inf');
    shows(Number.NEGATIVE_INFINITY, '-Inf');
    shows(Number.NaN, 'NaN');
  });

  it('leaves out what is marked stale or hidden, and a heading with nothing under it', async () => {
    const { snapshot } = source(
      [
        ['a', 'gauge'],
        ['a', { i: '1' }, 1],
        ['a', { i: '2' }, 2],
      ],
      [
        ['b', 'gauge'],
        ['b', {}, 3],
      ],
    );
    const values = snapshot.values.slice();
    markStale(values, 2);
    const text = await page([{ snapshot: { ...snapshot, values }, hidden: Uint8Array.of(1, 0, 0) }]);
    expect(text).to.equal('# TYPE a gauge\na{i="2"} 2\n');
    expect(await page([{ snapshot: { ...snapshot, values: staleValues(3) } }])).to.equal('');
  });

  it('leaves out a series without a name', async () => {
    const set = makeSet([makeSeries(makeFamily('m'), labelsOf({ a: '1' }))]);
    expect(await page([{ snapshot: { set, values: Float64Array.of(1), time: 0 } }])).to.equal('');
  });

  it('writes times in milliseconds, and in seconds for OpenMetrics', async () => {
    const writer = createPageWriter({ timestamps: true });
    const { snapshot } = source([
      ['m', 'gauge'],
      ['m', { i: '1' }, 1],
      ['m', { i: '2' }, 2],
    ]);
    const times = Float64Array.of(1_700_000_000_120, 1_700_000_000_000);
    const sources = [{ snapshot: { ...snapshot, times } }];
    expect(String(await writer.write(sources, TEXT))).to.match(/ 1 1700000000120\n.* 2 1700000000000\n$/);
    expect(String(await writer.write(sources, OPEN_METRICS))).to.match(/ 1 1700000000\.120\n.* 2 1700000000\n# EOF\n$/);
  });

  it('writes a page of 50,000 series in pieces, whole and once', async () => {
    const big = (instance: number): SeriesSet =>
      makeSet(
        Array.from({ length: 10_000 }, (_, i) =>
          makeSeries(
            makeFamily(`m${i % 100}`, 'gauge'),
            labelsOf({ __name__: `m${i % 100}`, i: `${i}`, instance: `${instance}` }),
          ),
        ),
      );
    const sources = Array.from({ length: 5 }, (_, n) => {
      const values = Float64Array.from({ length: 10_000 }, (_, i) => i * n);
      return { snapshot: { set: big(n), values, time: 0 } };
    });
    const parsed = parsePage(Buffer.from(await page(sources)), { format: 'text' });
    const want = sources.flatMap(({ snapshot: { set, values } }) =>
      set.series.map((s, i) => `${seriesName(s)} ${values[i]}`),
    );
    const got = parsed.layout.samples.map(({ labels }, i) => `${labels[1]} ${parsed.values[i]}`);
    expect(got.sort()).to.deep.equal(want.sort());
  });
});

describe('the choice of an exposition format', () => {
  const chooses = (accept: string | undefined, want: string, allowed = true) =>
    it(`${accept?.slice(0, 60)}${allowed ? '' : ', OpenMetrics not allowed'}`, () => {
      expect(negotiateFormat(accept, allowed).contentType).to.equal(want);
    });
  const text = 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores';
  const open = (version: string, escaping = 'underscores') =>
    `application/openmetrics-text; version=${version}; charset=utf-8; escaping=${escaping}`;
  chooses(undefined, text);
  chooses('*/*', text);
  chooses('text/html, application/json;q=0.9', text);
  chooses('text/plain;version=0.0.4;q=0.5,*/*;q=0.1', text);
  const prometheus2 =
    'application/openmetrics-text; version=1.0.0, application/openmetrics-text; version=0.0.1;q=0.75, text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  chooses(prometheus2, open('1.0.0'));
  chooses(prometheus2, text, false);
  const prometheus3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';
  chooses(prometheus3, open('1.0.0', 'allow-utf-8'));
  chooses(prometheus3, 'text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8', false);
  chooses('application/openmetrics-text', open('0.0.1'));
  chooses('application/openmetrics-text;version=2.0.0', text);
  chooses('application/openmetrics-text;q=NaN, text/plain;q=1e309', text);
  chooses('application/openmetrics-text;q=0', text);
  chooses('a/b;q=0.1,'.repeat(20_000), text);
});
