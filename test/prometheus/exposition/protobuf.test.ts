import { expect } from 'chai';
import { formatLabels } from '#metrics';
import { createProtobufParser, type ParsedPage, ProtobufError } from '#prometheus';
import { family, NEWER_MODEL, protobufPage } from '../../support/metric_family.ts';
import type { Message } from '../../support/protobuf.ts';

const NATIVE = { native: true, classic: false };
const parse = (families: Message[], options = NATIVE): ParsedPage =>
  createProtobufParser(options).parse(protobufPage(families));
const shown = ({ layout, values, times }: ParsedPage): string[] =>
  layout.samples.map(
    ({ labels, native }, i) =>
      `${formatLabels(labels)} ${native ? 'native ' : ''}${values[i]}${times && times[i]! > 0 ? ` @${times[i]}` : ''}`,
  );

const buckets = (...of: [bound: number, count: number, more?: Message][]): Message[] =>
  of.map(([upperBound, cumulativeCount, more]) => ({ upperBound, cumulativeCount, ...more }));
/** 1 at index 0 (up to 1), 2 at 1 (up to 2), 3 at 4; two zeros. */
const native = (more: Message = {}): Message => ({
  sampleCount: 8,
  sampleSum: 40.5,
  schema: 0,
  zeroThreshold: 0.001,
  zeroCount: 2,
  positiveSpan: [
    { offset: 0, length: 2 },
    { offset: 2, length: 1 },
  ],
  positiveDelta: [1, 1, 1],
  ...more,
});

describe('protobuf pages', () => {
  const gives = (title: string, families: Message[], want: string[], options = NATIVE) =>
    it(title, () => expect(shown(parse(families, options))).to.deep.equal(want));

  gives(
    'give a sample for each counter, gauge and untyped metric',
    [
      family('counter', 'c_total', [
        [{ zone: '.', a: 'x' }, { value: 3 }],
        [{ zone: 'b.' }, { value: 0 }, 1_700_000_000_123],
      ]),
      family('gauge', 'g', [[{}, { value: -1.5 }, -7]]),
      family('untyped', 'u', [[{ empty: '' }, { value: Number.NaN }]]),
    ],
    ['c_total{a="x",zone="."} 3', 'c_total{zone="b."} 0 @1700000000123', 'g{} -1.5', 'u{} NaN'],
  );

  gives(
    'give count, sum and parts of summaries and classic histograms, in the spelling of text pages',
    [
      family('summary', 's', [[{}, { sampleCount: 4, sampleSum: 2, quantile: [{ quantile: 0.5, value: 1 }] }]]),
      family('summary', 'bare', [[{}, { sampleCount: 4, sampleSum: 2 }]]),
      family('histogram', 'h', [[{ a: 'b' }, { sampleCount: 4, sampleSum: 2, bucket: buckets([1, 2], [2.5, 3]) }]]),
      family('gaugehistogram', 'gh', [
        [{}, { sampleCount: 4, sampleSum: 2, bucket: buckets([1e6, 2], [Infinity, 4]) }],
      ]),
    ],
    [
      's_count{} 4',
      's_sum{} 2',
      's{quantile="0.5"} 1',
      'bare_count{} 4',
      'bare_sum{} 2',
      'h_count{a="b"} 4',
      'h_sum{a="b"} 2',
      'h_bucket{a="b",le="1.0"} 2',
      'h_bucket{a="b",le="2.5"} 3',
      'h_bucket{a="b",le="+Inf"} 4',
      'gh_count{} 4',
      'gh_sum{} 2',
      'gh_bucket{le="1e+06"} 2',
      'gh_bucket{le="+Inf"} 4',
    ],
  );

  gives(
    'prefer counts of classic histograms that are floats',
    [
      family('histogram', 'h', [
        [{}, { sampleCount: 1, sampleCountFloat: 2.5, bucket: buckets([1, 0, { cumulativeCountFloat: 1.5 }]) }],
      ]),
    ],
    ['h_count{} 2.5', 'h_sum{} 0', 'h_bucket{le="1.0"} 1.5', 'h_bucket{le="+Inf"} 2.5'],
  );

  const both = [family('histogram', 'h', [[{}, native({ bucket: buckets([1, 3]) })]])];
  const flat = ['h_count{} 8', 'h_sum{} 40.5', 'h_bucket{le="1.0"} 3', 'h_bucket{le="+Inf"} 8'];
  gives('give a native histogram alone where it is wanted', both, ['h{} native 40.5']);
  gives('give a native histogram and its classic form', both, ['h{} native 40.5', ...flat], {
    native: true,
    classic: true,
  });
  gives('give the classic form where native ones are not wanted', both, flat, { native: false, classic: false });
  gives(
    'have no classic form of a native histogram without buckets',
    [family('histogram', 'h', [[{}, native()]])],
    ['h{} native 40.5'],
    { native: true, classic: true },
  );
  gives(
    'tell by a span of no length that a histogram without observations is native',
    [
      family('histogram', 'h', [
        [{}, { positiveSpan: [{ offset: 0, length: 0 }] }],
        [{ a: 'b' }, {}],
      ]),
    ],
    ['h{} native 0', 'h_count{a="b"} 0', 'h_sum{a="b"} 0', 'h_bucket{a="b",le="+Inf"} 0'],
  );

  it('give native histograms with absolute counts and no empty buckets', () => {
    const page = parse([
      family('histogram', 'h', [[{}, native({ positiveDelta: [0, 2, 1] })]]),
      family('gaugehistogram', 'g', [
        [
          {},
          {
            sampleCountFloat: 2.5,
            sampleSum: -3,
            schema: 3,
            zeroCountFloat: 0.5,
            negativeSpan: [{ offset: -5, length: 2 }],
            negativeCount: [0.5, 1.5],
          },
        ],
      ]),
    ]);
    expect([...page.histograms!.values()]).to.deep.equal([
      {
        schema: 0,
        isFloat: false,
        isGauge: false,
        count: 8,
        sum: 40.5,
        zeroThreshold: 0.001,
        zeroCount: 2,
        positive: {
          spans: [
            { offset: 1, length: 1 },
            { offset: 2, length: 1 },
          ],
          counts: Float64Array.of(2, 3),
        },
        negative: { spans: [], counts: new Float64Array(0) },
      },
      {
        schema: 3,
        isFloat: true,
        isGauge: true,
        count: 2.5,
        sum: -3,
        zeroThreshold: 0,
        zeroCount: 0.5,
        positive: { spans: [], counts: new Float64Array(0) },
        negative: { spans: [{ offset: -5, length: 2 }], counts: Float64Array.of(0.5, 1.5) },
      },
    ]);
    expect(page.layout.samples.map((one) => one.family.type)).to.deep.equal(['histogram', 'gaugehistogram']);
  });

  it('give types, helps and units', () => {
    const { layout } = parse([family('summary', 's_seconds', [[{}, {}]], { unit: 'seconds' })]);
    expect(layout.samples[0]!.family).to.deep.equal({
      name: 's_seconds',
      type: 'summary',
      help: 'Help of s_seconds.',
      unit: 'seconds',
    });
  });

  const exemplar = (id: string, value: number, seconds?: number): Message => ({
    label: [{ name: 'trace_id', value: id }],
    value,
    ...(seconds && { timestamp: { seconds, nanos: 5_999_999 } }),
  });
  it('give exemplars of counters and buckets', () => {
    const bucket = buckets([1, 1], [2, 2, { exemplar: exemplar('b', 1.5) }]);
    const page = parse([
      family('counter', 'c', [[{}, { value: 1, exemplar: exemplar('a', 1, 1_700_000_000) }]]),
      family('histogram', 'h', [[{}, { sampleCount: 2, bucket }]]),
    ]);
    expect(page.exemplars).to.deep.equal([
      { index: 0, labels: ['trace_id', 'a'], value: 1, timestamp: 1_700_000_000_005 },
      { index: 4, labels: ['trace_id', 'b'], value: 1.5 },
    ]);
  });

  it('give the exemplars of native histograms that have a timestamp, oldest first, else those of their buckets', () => {
    const exemplars = [exemplar('late', 1, 20), exemplar('never', 2), exemplar('early', 3, 10)];
    const bucket = buckets([1, 1, { exemplar: exemplar('bucket', 0.5, 30) }]);
    const page = parse(
      [
        family('histogram', 'h', [
          [{}, native({ exemplars, bucket })],
          [{ a: 'b' }, native({ bucket })],
        ]),
      ],
      { native: true, classic: true },
    );
    const listed = page.exemplars!.map(({ index, labels }) => `${index} ${labels[1]}`);
    expect(listed).to.deep.equal(['0 early', '0 late', '3 bucket', '5 bucket', '8 bucket']);
  });

  it('give created timestamps to all samples of a metric, in whole milliseconds', () => {
    const createdTimestamp = { seconds: 1_700_000_000, nanos: 1_999_999 };
    const page = parse([
      family('gauge', 'g', [[{}, { value: 1 }]]),
      family('counter', 'c', [[{}, { value: 1, createdTimestamp }]]),
      family('summary', 's', [[{}, { createdTimestamp }]]),
      family('histogram', 'h', [[{}, native({ createdTimestamp })]]),
    ]);
    const at = 1_700_000_000_001;
    expect([...page.starts!]).to.deep.equal([0, at, at, at, at]);
  });

  it('have neither times, starts, exemplars nor histograms where there are none', () => {
    expect(Object.keys(parse([family('gauge', 'g', [[{}, { value: 1 }]])]))).to.deep.equal(['layout', 'values']);
  });

  it('never hold a staleness marker', () => {
    const page = protobufPage([family('gauge', 'g', [[{}, { value: 7.25 }]])]);
    const at = page.indexOf(Buffer.from(Float64Array.of(7.25).buffer));
    page.writeBigUInt64LE(0x7ff0000000000002n, at);
    const parser = createProtobufParser(NATIVE);
    for (const { values } of [parser.parse(page), parser.parse(page)]) {
      expect(new BigUint64Array(values.buffer)[0]).to.equal(0x7ff8000000000001n);
    }
  });

  it('take packed fields and fields that nobody knows', () => {
    const [h] = [family('histogram', 'h', [[{ a: 'b' }, native({ unknown: 'x' })]], { unknown: 'y' })];
    const more = { ...h, metric: (h.metric as Message[]).map((one) => ({ ...one, unknown: 'z' })) };
    const page = protobufPage([more], NEWER_MODEL);
    expect(page.length).to.not.equal(protobufPage([h]).length);
    expect(createProtobufParser(NATIVE).parse(page)).to.deep.equal(parse([h]));
  });

  describe('from scrape to scrape', () => {
    const page = (n: number, more: Message[] = []) => [
      family('counter', 'c_total', [
        [{ zone: '.' }, { value: n }],
        [{ zone: 'a.' }, { value: 5 }],
      ]),
      family('histogram', 'h', [
        [{}, { sampleCount: n, sampleSum: n / 2, bucket: buckets([1, n]) }],
        [{ a: 'b' }, native({ sampleCount: 300 })],
      ]),
      ...more,
      family('summary', 's', [[{}, { sampleCount: n * 1000, quantile: [{ quantile: 0.5, value: n }] }]]),
    ];

    it('keep their layout while only numbers change, whatever their length', () => {
      const parser = createProtobufParser(NATIVE);
      const first = parser.parse(protobufPage(page(1)));
      for (const n of [1, 2, 200, 70_000]) {
        const again = parser.parse(protobufPage(page(n)));
        expect(again.layout).to.equal(first.layout);
        expect(again).to.deep.equal(createProtobufParser(NATIVE).parse(protobufPage(page(n))));
      }
    });

    it('keep the start times the same column while nothing began anew', () => {
      const parser = createProtobufParser(NATIVE);
      const at = (n: number, seconds: number) => {
        const createdTimestamp = { seconds };
        const families = [
          family('counter', 'c', [
            [{}, { value: n, createdTimestamp }],
            [{ a: 'b' }, { value: n }],
          ]),
        ];
        return parser.parse(protobufPage(families)).starts!;
      };
      const first = at(1, 1000);
      expect([...first]).to.deep.equal([1_000_000, 0]);
      expect([at(2, 1000), at(2, 1000)]).to.deep.equal([first, first]);
      expect(at(3, 1000)).to.equal(first);
      expect([...at(1, 2000)]).to.deep.equal([2_000_000, 0]);
    });

    it('keep a histogram that did not change the same object', () => {
      const parser = createProtobufParser(NATIVE);
      const [first, second] = [parser.parse(protobufPage(page(1))), parser.parse(protobufPage(page(2)))];
      expect(second.histograms!.get(6)).to.equal(first.histograms!.get(6)).and.not.equal(undefined);
    });

    it('keep the samples that stay when others come, go or move', () => {
      const parser = createProtobufParser(NATIVE);
      const first = parser.parse(protobufPage(page(1)));
      const fresh = family('gauge', 'new', [[{}, { value: 1 }]]);
      const more = parser.parse(protobufPage(page(2, [fresh])));
      expect(more.layout).to.not.equal(first.layout);
      expect(more.layout.samples.filter((one) => !first.layout.samples.includes(one))).to.have.length(1);
      const [c, h, s] = page(3);
      const moved = parser.parse(protobufPage([s!, c!, { ...h, metric: (h!.metric as Message[]).toReversed() }]));
      expect(moved).to.deep.equal(parse([s!, c!, { ...h, metric: (h!.metric as Message[]).toReversed() }]));
      for (const one of moved.layout.samples) expect(first.layout.samples).to.include(one);
    });

    it('notice other bounds, a timestamp, another help and a histogram that became native', () => {
      const changes: ((families: Message[]) => void)[] = [
        ([, h]) => Object.assign((h!.metric as Message[])[0]!, { histogram: { bucket: buckets([2, 1]) } }),
        ([, h]) => Object.assign((h!.metric as Message[])[0]!, { histogram: native() }),
        ([c]) => Object.assign((c!.metric as Message[])[1]!, { timestampMs: 5 }),
        ([c]) => Object.assign(c!, { help: 'Other.' }),
        ([, , s]) => Object.assign(s!, { unit: 'seconds' }),
      ];
      for (const change of changes) {
        const parser = createProtobufParser(NATIVE);
        const { layout } = parser.parse(protobufPage(page(1)));
        const changed = page(2);
        change(changed);
        const after = parser.parse(protobufPage(changed));
        expect(after.layout).to.not.equal(layout);
        expect(after).to.deep.equal(parse(changed));
      }
    });

    it('stay known when one between cannot be read', () => {
      const parser = createProtobufParser(NATIVE);
      const { layout } = parser.parse(protobufPage(page(1)));
      expect(() => parser.parse(protobufPage(page(2)).subarray(0, -3))).to.throw(ProtobufError);
      expect(parser.parse(protobufPage(page(3))).layout).to.equal(layout);
    });

    it('may be parsed from the same buffer each time', () => {
      const parser = createProtobufParser(NATIVE);
      const body = protobufPage(page(1));
      const first = parser.parse(body);
      protobufPage(page(2)).copy(body);
      const second = parser.parse(body);
      expect([first.values[0], second.values[0]]).to.deep.equal([1, 2]);
    });
  });

  const refused = (title: string, body: Buffer | Message[], message: RegExp) =>
    it(`refuse ${title}`, () => {
      const bytes = Buffer.isBuffer(body) ? body : protobufPage(body);
      expect(() => createProtobufParser(NATIVE).parse(bytes)).to.throw(ProtobufError, message);
    });
  refused('a length beyond the end', Buffer.from([200, 1, 10]), /byte 2: a length of 200 goes beyond/);
  refused('an endless number', Buffer.alloc(20, 0xff), /more than ten bytes/);
  refused('a text that is none', Buffer.from('a 1\n'), /byte/);
  refused('a metric of no name', [family('gauge', '', [[{}, {}]])], /has no name/);
  refused('a type that is none', [family('gauge', 'g', [[{}, {}]], { type: 9 })], /metric family "g": the type 9/);
  refused('a label of no name', [family('gauge', 'g', [[{ '': 'x' }, {}]])], /a label has no name/);
  refused('a label called __name__', [family('gauge', 'g', [[{ __name__: 'x' }, {}]])], /"__name__" stands twice/);
  refused(
    'a bucket with two le',
    [family('histogram', 'h', [[{ le: 'x' }, { bucket: buckets([1, 1]) }]])],
    /"le" stands/,
  );
  refused(
    'spans that do not fit their buckets',
    [family('histogram', 'h', [[{}, native({ positiveDelta: [1, 1] })]])],
    /metric family "h": the positive spans/,
  );
  refused(
    'spans of more buckets than there is memory',
    [family('histogram', 'h', [[{}, native({ positiveSpan: [{ offset: 0, length: 4_294_967_295 }] })]])],
    /the positive spans/,
  );
  refused(
    'a metric that is larger than any honest one',
    [family('histogram', 'h', [[{}, native({ positiveDelta: new Array(600_000).fill(0) })]])],
    /metric family "h": a metric of \d+ bytes, of which 1048576 are taken/,
  );
  it('refuse more samples than they may have, before anything is made of them', () => {
    const crowd = { most: 1000, refusal: (samples: number) => new RangeError(`${samples}`) };
    const parser = createProtobufParser({ ...NATIVE, crowd });
    const series = (n: number) =>
      Array.from({ length: n }, (_, i): [Record<string, string>, Message] => [{ i: `${i}` }, {}]);
    const fits = protobufPage([family('gauge', 'g', series(1000))]);
    for (let i = 0; i < 2; i++) expect(parser.parse(fits).values).to.have.length(1000);
    expect(() => parser.parse(protobufPage([family('gauge', 'g', series(1001))]))).to.throw(RangeError, '1001');
    const bucket = Array.from({ length: 998 }, (_, i) => ({ upperBound: i, cumulativeCount: 1 }));
    const wide = protobufPage([family('histogram', 'h', [[{}, { bucket }]])]);
    expect(() => parser.parse(wide)).to.throw(RangeError, '1001');
    expect(parser.parse(fits).values).to.have.length(1000);
  });
  describe('made to keep us busy', () => {
    const MIB = 1024 * 1024;
    /** A message of `bytes` bytes behind its tag and length, as part of a page or by itself. */
    const message = (tag: number, ...bytes: Buffer[]): Buffer => {
      const all = Buffer.concat(bytes);
      const length: number[] = [];
      for (let rest = all.length; rest > 0 || length.length === 0; rest = Math.floor(rest / 128)) {
        length.push((rest % 128) | (rest >= 128 ? 128 : 0));
      }
      return Buffer.concat([
        Buffer.from(tag ? [...(tag > 127 ? [tag & 255, tag >> 8] : [tag])] : []),
        Buffer.from(length),
        all,
      ]);
    };
    const name = Buffer.from([0x0a, 1, 0x68]);
    const histogram = (...fields: Buffer[]) =>
      message(0, name, Buffer.from([0x18, 4]), message(0x22, message(0x3a, ...fields)));
    const many = (piece: Buffer | number[], bytes: number) => {
      const one = Buffer.from(piece);
      return Buffer.concat(new Array(Math.floor(bytes / one.length)).fill(one));
    };
    const label = (i: number) =>
      message(
        0x0a,
        Buffer.from([0x0a, 3]),
        Buffer.from([i >> 14, (i >> 7) & 127, i & 127]),
        Buffer.from([0x12, 1, 0x78]),
      );
    const labels = Buffer.concat(Array.from({ length: 40_000 }, (_, i) => label(i + (1 << 14))));
    const bodies: Record<string, [body: Buffer, end: string]> = {
      'families of no bytes': [many([0], 15 * MIB), '200001'],
      'metrics of no bytes': [message(0, name, many([0x22, 0], 15 * MIB)), '200001'],
      'exemplars of no bytes': [histogram(many([0x82, 0x01, 0], 1_000_000)), '3 samples'],
      'buckets with an exemplar of no bytes': [histogram(many([0x1a, 2, 0x1a, 0], 700_000)), '175003 samples'],
      'labels times buckets': [
        message(
          0,
          name,
          Buffer.from([0x18, 4]),
          message(0x22, labels, message(0x3a, many([0x1a, 2, 0x08, 1], 400_000))),
        ),
        'its samples have more than 4000000 labels together',
      ],
      'a histogram of half a million buckets': [
        histogram(message(0x62, Buffer.from([0x10, 0xa0, 0xc2, 0x1e])), many([0x68, 2], 1_000_000)),
        '1 samples',
      ],
      'spans of no bytes': [histogram(many([0x62, 0], 1_000_000)), '1 samples'],
    };
    const crowd = { most: 200_000, refusal: (samples: number) => new RangeError(`${samples}`) };
    for (const [title, [body, end]] of Object.entries(bodies)) {
      it(`cost little: ${title}`, () => {
        const before = process.cpuUsage();
        let got: string;
        try {
          const { values } = createProtobufParser({ native: true, classic: true, crowd }).parse(body);
          got = `${values.length} samples`;
        } catch (error) {
          if (!(error instanceof ProtobufError || error instanceof RangeError)) throw error;
          got = error.message;
        }
        const { user, system } = process.cpuUsage(before);
        expect(got).to.include(end);
        // What grows with the square takes minutes.
        expect((user + system) / 1000, 'ms of CPU').to.be.below(3000);
      });
    }
  });

  it('refuse a label that is not UTF-8, at its place', () => {
    const body = protobufPage([family('gauge', 'g', [[{ a: 'xyz' }, { value: 1 }]])]);
    body[body.indexOf('xyz')] = 0xff;
    expect(() => createProtobufParser(NATIVE).parse(body)).to.throw('the value of the label "a" is not UTF-8');
  });
});
