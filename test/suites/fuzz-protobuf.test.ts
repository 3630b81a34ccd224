/** The protobuf exposition format under noise, and real pages of it. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { formatLabels, histogramFault } from '#metrics';
import { createProtobufParser, type PageParser, type ParsedPage, ProtobufError } from '#prometheus';
import { family, NEWER_MODEL, protobufPage } from '../support/metric_family.ts';
import type { Message } from '../support/protobuf.ts';
import { random } from '../support/random.ts';
import { suite } from '../support/suites.ts';

const MUTATIONS = 100_000;
const LONGEST = 6000;
const OPTIONS = { native: true, classic: true };

const facts = suite('prom-text');
const real = (name: string): Buffer => readFileSync(facts.path('real', 'expfmt-testdata', name));

const exemplar: Message = {
  label: [{ name: 'trace_id', value: 'ab' }],
  value: 1,
  timestamp: { seconds: 1_700_000_000 },
};
const bucket = [
  { upperBound: 0.5, cumulativeCount: 2, exemplar },
  { upperBound: 2, cumulativeCount: 300 },
];
const native: Message = {
  sampleCount: 305,
  sampleSum: 12.5,
  schema: 3,
  zeroThreshold: 1e-128,
  zeroCount: 2,
  negativeSpan: [{ offset: -7, length: 1 }],
  negativeDelta: [1],
  positiveSpan: [
    { offset: 5, length: 2 },
    { offset: 1, length: 1 },
  ],
  positiveDelta: [100, 0, 2],
  createdTimestamp: { seconds: 1_699_999_999, nanos: 5 },
  exemplars: [exemplar],
};
const everything = [
  family('counter', 'requests_total', [
    [{ zone: '.' }, { value: 7, exemplar, createdTimestamp: { seconds: 1_699_999_999 } }],
    [{ zone: 'a.', type: 'AAAA' }, { value: 0 }, 1_700_000_000_000],
  ]),
  family('gauge', 'entries', [[{}, { value: Number.NaN }]], { unit: 'entries' }),
  family('summary', 'gc_seconds', [[{}, { sampleCount: 9, sampleSum: 1, quantile: [{ quantile: 0.5, value: 0.1 }] }]]),
  family('untyped', 'odd', [[{ 'utf8.läbel': 'ü' }, { value: -1 }]]),
  family('histogram', 'took_seconds', [
    [{ zone: '.' }, { ...native, bucket }],
    [{ zone: 'a.' }, { sampleCount: 300, sampleSum: 2, bucket }],
  ]),
  family('gaugehistogram', 'sizes', [
    [{}, { sampleCountFloat: 2.5, schema: -2, positiveSpan: [{ offset: 0, length: 1 }], positiveCount: [2.5] }],
  ]),
];

const seeds = [
  protobufPage(everything),
  protobufPage(everything, NEWER_MODEL),
  ...everything.map((one) => protobufPage([one])),
  real('protobuf').subarray(0, LONGEST),
  real('protobuf-multimessage').subarray(0, LONGEST),
];

/** One to three changes: a byte, some bytes gone, some bytes twice, a number made long, a piece from another seed. */
function mutate(rnd: () => number, page: Buffer): Buffer {
  let out = Buffer.from(page);
  for (let n = 1 + Math.floor(rnd() * 3); n > 0; n--) {
    const at = Math.floor(rnd() * out.length);
    const end = Math.min(out.length, at + 1 + Math.floor(rnd() * 12));
    const what = rnd();
    if (what < 0.5 && out.length > 0)
      out[at] = rnd() < 0.5 ? Math.floor(rnd() * 256) : out[at]! ^ (1 << Math.floor(rnd() * 8));
    else if (what < 0.65) out = Buffer.concat([out.subarray(0, at), out.subarray(end)]);
    else if (what < 0.8) out = Buffer.concat([out.subarray(0, end), out.subarray(at)]);
    else if (what < 0.9)
      out = Buffer.concat([out.subarray(0, at), Buffer.alloc(1 + Math.floor(rnd() * 10), 0xff), out.subarray(at)]);
    else {
      const other = seeds[Math.floor(rnd() * seeds.length)]!;
      const from = Math.floor(rnd() * other.length);
      out = Buffer.concat([out.subarray(0, at), other.subarray(from, from + 40), out.subarray(end)]);
    }
  }
  return out;
}

function outcome(parser: PageParser, body: Buffer): ParsedPage | string {
  try {
    return parser.parse(body);
  } catch (error) {
    if (error instanceof ProtobufError) return error.message;
    throw error;
  }
}

/** All of a page as text: comparing the objects a hundred thousand times takes minutes. */
const print = (page: ParsedPage | string): string =>
  typeof page === 'string'
    ? page
    : [
        ...page.layout.samples.map(({ family, labels, native, hasTimestamp }) =>
          [family.name, family.type, family.help, family.unit, formatLabels(labels), native, hasTimestamp].join(),
        ),
        Buffer.from(page.values.buffer).toString('hex'),
        page.times?.join(),
        page.starts?.join(),
        JSON.stringify(page.exemplars),
        ...[...(page.histograms ?? [])].map(([i, one]) => `${i} ${JSON.stringify(one)}`),
      ].join('\n');

describe('the protobuf parser', () => {
  it(`answers ${MUTATIONS} mutated pages with samples or a ProtobufError, the same with and without memory`, function () {
    this.timeout(300_000);
    const rnd = random(2026);
    const each = Math.ceil(MUTATIONS / seeds.length);
    let good = 0;
    let slowest = 0;
    for (const seed of seeds) {
      const parser = createProtobufParser(OPTIONS);
      let page = seed;
      for (let i = 0; i < each; i++) {
        const next = mutate(rnd, i % 4 === 0 ? seed : page);
        const started = process.cpuUsage();
        const got = outcome(parser, next);
        slowest = Math.max(slowest, process.cpuUsage(started).user / 1000);
        expect(print(got)).to.equal(print(outcome(createProtobufParser(OPTIONS), next)));
        const ok = typeof got !== 'string';
        if (ok) good++;
        if (ok) for (const one of got.histograms?.values() ?? []) histogramFault(one);
        // Changes pile up on good pages, which stay short.
        page = ok && next.length < LONGEST * 2 ? next : seed;
      }
    }
    expect(good).to.be.above(MUTATIONS / 20);
    expect(slowest).to.be.below(1000);
  });

  for (const name of ['protobuf', 'protobuf.gz', 'protobuf-multimessage']) {
    it(`reads the real page ${name}`, () => {
      const body = name.endsWith('.gz') ? gunzipSync(real(name)) : real(name);
      expect(createProtobufParser(OPTIONS).parse(body).values.length).to.be.above(0);
    });
  }
});
