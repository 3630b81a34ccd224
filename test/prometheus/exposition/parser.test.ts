import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { formatLabels } from '#metrics';
import { createPageParser, ExpositionError, type ExpositionFormat, type ParsedPage } from '#prometheus';
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
