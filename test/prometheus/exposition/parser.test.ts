import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { formatLabels } from '#metrics';
import {
  createPageParser,
  ExpositionError,
  type ExpositionFormat,
  type ParsedPage,
  PlanShelf,
  parsePage,
} from '#prometheus';
import { cpuTime } from '../../support/cpu.ts';
import { expectSame, mutate } from '../../support/pages.ts';
import { random } from '../../support/random.ts';

const PAGE = `# HELP dns_requests_total Counter of DNS requests.
# TYPE dns_requests_total counter
dns_requests_total{proto="udp",zone="."} 10
dns_requests_total{proto="tcp",zone="."} 2
# a remark
# TYPE dns_seconds histogram
dns_seconds_bucket{le="0.1"} 7
dns_seconds_bucket{le="1"} 9
dns_seconds_bucket{le="+Inf"} 12
dns_seconds_sum 1.25
dns_seconds_count 12
# TYPE up gauge
up 1
`;

const TIMED = `a{b="1"} 1 1700000000000
a{b="2"} 2
c 3 1700000000001
`;

const OPENMETRICS = `# TYPE a counter
# UNIT a_s s
a_total{b="1"} 1 1700000000.5 # {t="x"} 0.5 1.5
a_total{b="2"} 2
a_created{b="1"} 1.6e9
# TYPE i info
i_info{"x.y"="z"} 1
# EOF
`;

const names = ({ layout }: ParsedPage) => layout.samples.map(({ labels }) => formatLabels(labels));

/** Parses pages in turn with one parser. */
function inTurn(format: ExpositionFormat, ...pages: string[]): ParsedPage[] {
  const parser = createPageParser({ format, exemplars: true });
  return pages.map((page) => parser.parse(Buffer.from(page)));
}

describe('a page parser', () => {
  it('gives the same layout while only numbers change, whatever their length', () => {
    const [a, b, c] = inTurn('text', PAGE, PAGE.replace('} 10', '} 123456.75').replace(' 1.25', ' NaN'), PAGE);
    expect(b!.layout).to.equal(a!.layout);
    expect(c!.layout).to.equal(a!.layout);
    expect([...b!.values]).to.deep.equal([123456.75, 2, 7, 9, 12, Number.NaN, 12, 1]);
    expect([...c!.values]).to.deep.equal([10, 2, 7, 9, 12, 1.25, 12, 1]);
  });

  it('reads a large page in steps, unless it is like the last one', () => {
    const large = (value: number, name = 'b') =>
      Array.from(
        { length: 30_000 },
        (_, i) => `${i % 10 ? 'a' : name}{i="${String(i).padStart(48, '0')}"} ${value + i}\n`,
      ).join('');
    const whole = createPageParser({ format: 'text' });
    const stepwise = createPageParser({ format: 'text' });
    const read = (page: string): [page: ParsedPage, steps: number] => {
      const body = Buffer.from(page);
      const begun = stepwise.begin!(body);
      if ('layout' in begun) return [begun, 0];
      // Whoever lent it uses it for something else.
      body.fill('x');
      for (let steps = 0; ; steps++) {
        const { done, value } = begun.next();
        if (done) return [value, steps];
      }
    };
    const [first, steps] = read(large(1));
    expect(steps).to.be.at.least(100);
    expect(first).to.deep.equal(whole.parse(Buffer.from(large(1))));
    const [second, none] = read(large(2));
    expect(none).to.equal(0);
    expect(second.layout).to.equal(first.layout);
    expect(second.values[7]).to.equal(9);
    const [third] = read(large(3, 'c'));
    expect(third).to.deep.equal(whole.parse(Buffer.from(large(3, 'c'))));
    expect(third.layout.samples[1]).to.equal(first.layout.samples[1]);
    expect('layout' in stepwise.begin!(Buffer.from(PAGE))).to.equal(true);
  });

  it('that reads in steps by what another one knows is not disturbed by it', () => {
    const page = (name: string, other = name) =>
      Buffer.from(
        Array.from(
          { length: 30_000 },
          (_, i) => `${i % 50 ? name : other}{number="${String(i).padStart(48, '0')}"} 1\n`,
        ).join(''),
      );
    const shelf = new PlanShelf();
    const one = createPageParser({ format: 'text' }, shelf);
    const other = createPageParser({ format: 'text' }, shelf);
    const known = new Set(one.parse(page('a', 'b')).layout.samples);
    const begun = other.begin!(page('a', 'c'));
    if ('layout' in begun) throw new Error('the page was known');
    for (let step = 0; step < 10; step++) expect(begun.next().done).to.equal(false);
    // As long as its first one, so that it could stand in the same memory.
    one.parse(page('z'));
    for (;;) {
      const { done, value } = begun.next();
      if (!done) continue;
      expect(names(value)).to.deep.equal(names(parsePage(page('a', 'c'), { format: 'text' })));
      expect(value.layout.samples.filter((sample) => known.has(sample))).to.have.length(29_400);
      return;
    }
  });

  it('gives the same layout when the last line feed comes or goes', () => {
    const [a, b, c] = inTurn('text', PAGE, PAGE.slice(0, -1), PAGE);
    expect([b!.layout, c!.layout]).to.deep.equal([a!.layout, a!.layout]);
    expect(b!.layout === a!.layout && c!.layout === a!.layout).to.equal(true);
  });

  it('gives the same layout when only remarks change', () => {
    const [a, b] = inTurn('text', PAGE, PAGE.replace('# a remark', '# another'));
    expect(b!.layout).to.equal(a!.layout);
  });

  const keeps = (what: string, after: (page: string) => string, changed: readonly string[]) =>
    it(`keeps every other sample's object when ${what}`, () => {
      const [a, b] = inTurn('text', PAGE, after(PAGE));
      expect(b!.layout).not.to.equal(a!.layout);
      const before = new Set(a!.layout.samples);
      const fresh = b!.layout.samples.filter((sample) => !before.has(sample)).map(({ labels }) => formatLabels(labels));
      expect(fresh).to.deep.equal(changed);
      expect(b!.values).to.have.length(b!.layout.samples.length);
    });

  keeps('a line comes', (page) => page.replace('up 1', 'new{a="b"} 5\nup 1'), ['new{a="b"}']);
  keeps('a line goes', (page) => page.replace(/.*proto="tcp".*\n/, ''), []);
  keeps('lines change places', (page) => page.replace(/(.*udp.*\n)(.*tcp.*\n)/, '$2$1'), []);
  keeps('a label changes', (page) => page.replace('tcp', 'dot'), ['dns_requests_total{proto="dot",zone="."}']);
  keeps('HELP changes', (page) => page.replace('Counter of', 'All'), [
    'dns_requests_total{proto="udp",zone="."}',
    'dns_requests_total{proto="tcp",zone="."}',
  ]);
  keeps('a timestamp comes', (page) => page.replace('up 1', 'up 1 5'), ['up{}']);
  keeps('TYPE changes', (page) => page.replace('seconds histogram', 'seconds gauge'), [
    'dns_seconds_bucket{le="0.1"}',
    'dns_seconds_bucket{le="1"}',
    'dns_seconds_bucket{le="+Inf"}',
    'dns_seconds_sum{}',
    'dns_seconds_count{}',
  ]);

  it('writes a bound anew when the TYPE before it changes', () => {
    const [a, b] = inTurn('text', PAGE, PAGE.replace('seconds histogram', 'seconds gauge'));
    expect(names(a!)[3]).to.equal('dns_seconds_bucket{le="1.0"}');
    expect(names(b!)[3]).to.equal('dns_seconds_bucket{le="1"}');
  });

  it('keeps the layout of pages with timestamps, and reads them', () => {
    const [a, b] = inTurn('text', TIMED, TIMED.replaceAll('17000', '18000'));
    expect(b!.layout).to.equal(a!.layout);
    expect([...a!.times!]).to.deep.equal([1700000000000, Number.NaN, 1700000000001]);
    expect([...b!.times!]).to.deep.equal([1800000000000, Number.NaN, 1800000000001]);
  });

  it('has no times on a page without timestamps', () => {
    const [a, b] = inTurn('text', PAGE, PAGE);
    expect([a!.times, b!.times]).to.deep.equal([undefined, undefined]);
  });

  it('makes another layout when a timestamp goes', () => {
    const [a, b] = inTurn('text', TIMED, TIMED.replace('c 3 1700000000001', 'c 3'));
    expect(b!.layout).not.to.equal(a!.layout);
    expect(b!.layout.samples.map(({ hasTimestamp }) => hasTimestamp)).to.deep.equal([true, false, false]);
    expect(b!.layout.samples[0]).to.equal(a!.layout.samples[0]);
  });

  it('makes another layout when a timestamp goes from one sample to another', () => {
    const [, b] = inTurn('text', TIMED, TIMED.replace('1 1700000000000\na{b="2"} 2', '1\na{b="2"} 2 5'));
    expect(b!.layout.samples.map(({ hasTimestamp }) => hasTimestamp)).to.deep.equal([false, true, true]);
  });

  it('keeps the layout while exemplars come and go', () => {
    const [a, b, c] = inTurn('openmetrics', OPENMETRICS, OPENMETRICS.replace(' # {t="x"} 0.5 1.5', ''), OPENMETRICS);
    expect(b!.layout === a!.layout && c!.layout === a!.layout).to.equal(true);
    expect(b!.exemplars).to.equal(undefined);
    expect(c!.exemplars).to.deep.equal([{ index: 0, labels: ['t', 'x'], value: 0.5, timestamp: 1500 }]);
  });

  it('keeps nothing of the buffer it was lent', () => {
    const parser = createPageParser({ format: 'text' });
    const lent = Buffer.from(PAGE);
    const first = parser.parse(lent);
    lent.fill(0);
    expect(names(first)[0]).to.equal('dns_requests_total{proto="udp",zone="."}');
    expect(parser.parse(Buffer.from(PAGE)).layout).to.equal(first.layout);
  });

  it('reads a page that lies somewhere inside a larger buffer', () => {
    const parser = createPageParser({ format: 'text' });
    const at = (offset: number) => Buffer.concat([Buffer.alloc(offset), Buffer.from(PAGE)]).subarray(offset);
    expect(parser.parse(at(3)).layout).to.equal(parser.parse(at(11)).layout);
  });

  it('gives each page arrays of its own', () => {
    const [a, b] = inTurn('text', TIMED, TIMED);
    expect(a!.values.buffer).not.to.equal(b!.values.buffer);
    expect(a!.times!.buffer).not.to.equal(b!.times!.buffer);
  });

  it('still knows the last good page after a bad one', () => {
    const parser = createPageParser({ format: 'text' });
    const { layout } = parser.parse(Buffer.from(PAGE));
    expect(() => parser.parse(Buffer.from(PAGE.replace('up 1', 'up x')))).to.throw(
      ExpositionError,
      /^line 13, column 4: /,
    );
    expect(() => parser.parse(Buffer.from(PAGE.replace('9\n', '9 x\n')))).to.throw(ExpositionError, 'timestamp');
    expect(parser.parse(Buffer.from(PAGE)).layout).to.equal(layout);
  });

  it('reads empty pages between full ones', () => {
    const [a, b, c] = inTurn('text', PAGE, '', PAGE);
    expect([a, b, c].map((page) => page!.values.length)).to.deep.equal([8, 0, 8]);
  });

  it('does not take the start of a longer name for a series that had no blank behind it', () => {
    const [, b] = inTurn('text', 'a+1\n', 'a1 5\n');
    expect(names(b!)).to.deep.equal(['a1{}']);
    const [, timed] = inTurn('text', 'a+1 5\n', 'a1 7\n');
    expect(names(timed!)).to.deep.equal(['a1{}']);
    const [, labelled] = inTurn('text', 'a 1\n', 'a {b="c"} 1\n');
    expect(names(labelled!)).to.deep.equal(['a{b="c"}']);
    expect(() => inTurn('text', 'a+1\nb 1\n', 'a12\nc 1\n')).to.throw(ExpositionError);
    const [, d] = inTurn('text', 'a+1\nb 1\n', 'b 1\na1 5\n');
    expect(names(d!)).to.deep.equal(['b{}', 'a1{}']);
  });

  it('tells NULs from the other spelling of a zero', () => {
    // The zeros are the second eight bytes of the page: with 0x80 behind them, the double -0.
    const page = (last: number) =>
      Buffer.concat([
        Buffer.from('a{bb="\u0080'),
        Buffer.alloc(7),
        Buffer.from([last]),
        Buffer.from('and more of it"} 1'),
      ]);
    const parser = createPageParser({ format: 'text' });
    parser.parse(page(0));
    expect(() => parser.parse(page(0x80))).to.throw(ExpositionError, 'valid UTF-8');
  });

  it('reads a page with the same line many times in linear time', () => {
    const parser = createPageParser({ format: 'text' });
    const page = `first 1\n${'a 1\n'.repeat(100_000)}`;
    const started = cpuTime();
    parser.parse(Buffer.from(page));
    parser.parse(Buffer.from(`${page}last 1\n`));
    parser.parse(Buffer.from(`other 1\n${page}`));
    expect(cpuTime() - started).to.be.below(3000);
  });

  it('says where each sample stood on the page before', () => {
    const [a, b, c] = inTurn('text', 'a 1\nb 1\nc 1\nd 1\n', 'a 2\nx 1\nc 2\ny 1\nb 3\nd 1\n', 'a 2\nb 3\nd 1 17\n');
    expect([b!.origin!.before, b!.origin!.after]).to.deep.equal([a!.layout, b!.layout]);
    expect([...b!.origin!.places]).to.deep.equal([0, -1, 2, -1, 1, 3]);
    expect([b!.origin!.isTimed, c!.origin!.isTimed]).to.deep.equal([false, true]);
    expect([...c!.origin!.places]).to.deep.equal([0, 4, -1]);
  });

  it('tells labels apart that begin alike, or look alike before they are unescaped', () => {
    const pages = [
      '{x="p"}',
      '{x="pq"}',
      '{x="p\\\\n"}',
      '{x="p\\n"}',
      '{xy="p"}',
      '{x="p",y="ü"}',
      '{x="p",y=""}',
      '{"x"="p"}',
    ];
    const want = [...pages.slice(0, -2), '{x="p"}', '{x="p"}'];
    const long = pages.map((labels) => labels.replace('"p', '"a-value-that-is-long'));
    expect(inTurn('text', ...pages.map((labels) => `a${labels} 1\n`)).flatMap(names)).to.deep.equal(
      want.map((labels) => `a${labels}`),
    );
    expect(inTurn('text', ...long.map((labels) => `a${labels} 1\n`)).flatMap(names)).to.deep.equal(
      want.map((labels) => `a${labels.replace('"p', '"a-value-that-is-long')}`),
    );
  });

  it('knows families that came with the page before, and comments that moved', () => {
    const [a, b] = inTurn('text', PAGE, PAGE.replace('{proto="udp"', '{proto="quic"').replace('_sum 1.25', '_sum 3'));
    expect(b!.layout.samples[0]!.family).to.equal(a!.layout.samples[0]!.family);
    const moved = PAGE.split('# a remark\n').reverse().join('');
    const [, c] = inTurn('text', PAGE, moved);
    expect(c!.layout.samples.map(({ family }) => family.type)).to.deep.equal(
      parsePage(Buffer.from(moved), { format: 'text' }).layout.samples.map(({ family }) => family.type),
    );
  });

  it('reads pages whose lines come, go, change and move as a parser without memory does', () => {
    const rnd = random(41);
    const pick = (n: number) => Math.floor(rnd() * n);
    const series = () =>
      `m${pick(3)}${['', '_sum', '_bucket'][pick(3)]}{x="${pick(40)}"${pick(3) ? '' : ',le="1"'}} ${pick(9)}`;
    const line = () => (pick(5) ? series() : `# TYPE m${pick(3)} ${['counter', 'histogram', 'gauge'][pick(3)]}`);
    const parser = createPageParser({ format: 'text' });
    let lines = Array.from({ length: 60 }, line);
    let last: ParsedPage | undefined;
    let kept = 0;
    const checked = {
      parse(body: Buffer) {
        const page = parser.parse(body);
        const { before, places } = page.origin ?? { before: page.layout, places: new Int32Array() };
        if (page.origin) expect(before).to.equal(last!.layout);
        places.forEach((place, i) => {
          if (place < 0) return;
          expect(page.layout.samples[i]).to.equal(before.samples[place]);
          kept++;
        });
        last = page;
        return page;
      },
    };
    for (let round = 0; round < 600; round++) {
      expectSame(checked, Buffer.from(`${lines.join('\n')}\n`), { format: 'text' });
      for (let n = pick(6); n > 0; n--) {
        const at = pick(lines.length);
        const [gone] = lines.splice(at, pick(3) ? 1 : 0);
        if (gone !== undefined && pick(4) === 0) lines.splice(pick(lines.length), 0, gone);
        else if (pick(3) || lines.length < 30) lines.splice(at, 0, line());
      }
      if (pick(40) === 0) lines = lines.sort();
    }
    expect(kept).to.be.above(10_000);
  });

  it('holds to strict rules on every page when asked to', () => {
    const parser = createPageParser({ format: 'openmetrics', strict: true });
    const page = '# TYPE a counter\na_total 1\n# EOF\n';
    const { layout } = parser.parse(Buffer.from(page));
    expect(() => parser.parse(Buffer.from(page.replace(' 1\n', ' -1\n')))).to.throw('nothing negative in _total');
    expect(parser.parse(Buffer.from(page)).layout).to.equal(layout);
  });

  it('keeps no more than the last page, whatever comes and goes', () => {
    const parser = createPageParser({ format: 'text' });
    const page = (n: number) =>
      Buffer.from(
        Array.from({ length: 2000 }, (_, i) => `# TYPE m${n}_${i} gauge\nm${n}_${i}{a="${n * i}"} 1\n`).join(''),
      );
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    for (let n = 0; n < 20; n++) parser.parse(page(n));
    const before = heap();
    for (let n = 20; n < 120; n++) parser.parse(page(n));
    // A hundred pages of 2,000 series would take 100 MB.
    expect(heap() - before).to.be.below(5e6);
  });

  for (const [format, seed] of [
    ['text', PAGE],
    ['text', TIMED],
    ['openmetrics', OPENMETRICS],
  ] as [ExpositionFormat, string][]) {
    it(`reads mutated pages as a parser without memory does: ${format}, ${seed.slice(0, 12)}`, () => {
      const rnd = random(seed.length);
      const options = { format, exemplars: true };
      const parser = createPageParser(options);
      let page: Buffer = Buffer.from(seed);
      let good = 0;
      for (let i = 0; i < 1500; i++) {
        const next = mutate(rnd, i % 5 === 0 ? Buffer.from(seed) : page);
        const ok = expectSame(parser, next, options);
        if (ok) good++;
        page = ok && next.length < 2000 ? next : Buffer.from(seed);
      }
      expect(good).to.be.above(300);
    });
  }
});
