import { expect } from 'chai';
import { formatLabels, type Labels, NAN_HIGH, NAN_LOW } from '#metrics';
import { ExpositionError, type ExpositionFormat, type PageOptions, type ParsedPage, parsePage } from '#prometheus';
import { cpuTime } from '../../support/cpu.ts';

const line = ({ layout, values, times }: ParsedPage, i: number) => {
  const time = times && !Number.isNaN(times[i]) ? ` @${times[i]}` : '';
  return `${formatLabels(layout.samples[i]!.labels)} ${values[i]}${time}`;
};

const linesOf = (text: string | Buffer, options: PageOptions): string[] => {
  const page = parsePage(Buffer.from(text as string), options);
  return page.layout.samples.map((_, i) => line(page, i));
};

const calls = (format: ExpositionFormat, strict = false) => {
  const options = { format, strict };
  const end = format === 'openmetrics' ? '# EOF\n' : '';
  return {
    parses: (text: string, ...want: string[]) =>
      it(`parses ${JSON.stringify(text)}`, () => {
        expect(linesOf(text + end, options)).to.deep.equal(want);
      }),
    refuses: (text: string | Buffer, why: string) =>
      it(`refuses ${JSON.stringify(text.toString('latin1' as never))}: ${why}`, () => {
        expect(() => parsePage(Buffer.from(text as string), options)).to.throw(ExpositionError, why);
      }),
  };
};

describe('the text format 0.0.4', () => {
  const { parses, refuses } = calls('text');

  parses('');
  parses('\n \t\n');
  parses('a 1', 'a{} 1');
  parses('a 1\nb 2\n', 'a{} 1', 'b{} 2');
  parses('  a\t{ b = "c" , d="e", } \t 1 \t 1700000000123 \n', 'a{b="c",d="e"} 1 @1700000000123');
  parses('a{b="c" d="e"}1', 'a{b="c",d="e"} 1');
  parses('a{} 1', 'a{} 1');
  parses('a{b=""} 1', 'a{} 1');
  parses('a+1', 'a{} 1');
  parses(':a:b_9 1', ':a:b_9{} 1');
  parses('a{z="1",b="2",_="3"} 1', 'a{_="3",b="2",z="1"} 1');
  parses('a{b="x\\\\y\\"z\\nw\\q"} 1', 'a{b="x\\\\y\\"z\\nw\\\\q"} 1');
  parses('a{b="}, # {\n"} 1', 'a{b="}, # {\\n"} 1');
  parses('a{b="\0"} 1', 'a{b="\\u0000"} 1');
  parses('{"a.b"} 1', 'a.b{} 1');
  parses('{"a.b",c="d","e f"="g"} 1', 'a.b{c="d",e f="g"} 1');
  parses('{c="d","ü\\"x"} 1', 'ü"x{c="d"} 1');
  parses('a{b="日本"} 1', 'a{b="日本"} 1');
  parses('a{b="\ufffd"} 1', 'a{b="\ufffd"} 1');
  parses('a +Inf\na -inf\n', 'a{} Infinity', 'a{} -Infinity');
  parses('a 1\na 2\n', 'a{} 1', 'a{} 2');
  parses('#a remark {"\n#\n# HELPa\n#TYPE a gauge\na 1', 'a{} 1');
  parses(
    '# TYPE a histogram\na_bucket{le="1"} 1\na_bucket{le="1e6"} 2\na_bucket{le="x"} 3\nb{le="2"} 1',
    'a_bucket{le="1.0"} 1',
    'a_bucket{le="1e+06"} 2',
    'a_bucket{le="x"} 3',
    'b{le="2.0"} 1',
  );
  parses('# TYPE a summary\na{quantile="0"} 1\na{le="0"} 1', 'a{quantile="0.0"} 1', 'a{le="0"} 1');
  parses('# TYPE a gauge\na{le="1",quantile="1"} 1', 'a{le="1",quantile="1"} 1');
  parses('a 1\n\0 and what follows', 'a{} 1');
  parses('a 1 9223372036854775807', 'a{} 1 @9223372036854775000');

  refuses('a', 'line 1, column 2: expected a value, found the end');
  refuses('a 1\nb {\n', 'line 2, column 4: expected a label name or }, found "\\n"');
  refuses('é 1', 'expected a metric name, { or #, found "é 1"');
  refuses('a{é="1"} 1', 'column 3: expected a label name');
  refuses('# TYPE a gauge\r\na 1\n', 'expected a type (counter, gauge, histogram, summary, untyped), found "gauge\\r"');
  refuses('a 1\r\n', 'expected a value, found "1\\r"');
  refuses('# TYPE a info\n', 'expected a type');
  refuses('# TYPE a\n', 'expected a type');
  refuses('# TYPE a  gauge\n', 'expected a type');
  refuses('# HELP \n', 'expected a metric name after HELP');
  refuses(Buffer.from('# HELP a \xff\n', 'latin1'), 'expected valid UTF-8');
  refuses(Buffer.from('a{b="\xc3("} 1\n', 'latin1'), 'expected valid UTF-8');
  refuses(Buffer.from('a{b="\xed\xa0\x80"} 1\n', 'latin1'), 'expected valid UTF-8');
  refuses(Buffer.from('a{b="\xc0\x80"} 1\n', 'latin1'), 'expected valid UTF-8');
  refuses(Buffer.from('{"\xff"} 1\n', 'latin1'), 'expected valid UTF-8');
  refuses('a{b="c} 1', 'expected a closing quote');
  refuses("a{b='c'} 1", 'expected a label value in double quotes');
  refuses('a{,} 1', 'expected a label name or }');
  refuses('a{b="1",b="2"} 1', 'expected the label "b" only once');
  refuses('a{__name__="b"} 1', 'expected the label "__name__" only once');
  refuses('{b="c"} 1', 'expected a metric name');
  refuses('{""} 1', 'expected a metric name that is not empty');
  refuses('a{""="x"} 1', 'expected a label name that is not empty');
  refuses('{"a","b"} 1', 'expected only one metric name');
  refuses('a{"b"} 1', 'expected only one metric name');
  refuses('a{b} 1', 'expected =');
  refuses('a 1e309', 'expected a value, found "1e309"');
  refuses('a 1 -1', 'expected a timestamp in milliseconds or a line feed');
  refuses('a 1 9223372036854775808', 'expected a timestamp of at most 64 bits');
  refuses('a 1 2 3', 'expected a line feed after the timestamp, found "3"');
  refuses('a 1 # {b="c"} 1', 'expected a timestamp');

  it('gives a sample the family that its name and the TYPE before it tell', () => {
    const text =
      '# HELP h he\\\\l\\np\\"\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_other 1\n# TYPE c_total counter\nc_total 1\n';
    const { samples } = parsePage(Buffer.from(text), { format: 'text' }).layout;
    expect(samples.map(({ family }) => `${family.name} ${family.type}`)).to.deep.equal([
      'h histogram',
      'h histogram',
      'h_other unknown',
      'c_total counter',
    ]);
    expect(samples[0]!.family).to.equal(samples[1]!.family);
    expect(samples[0]!.family.help).to.equal('he\\l\np\\"');
  });

  it('gives samples on both sides of a TYPE line different families', () => {
    const { samples } = parsePage(Buffer.from('a 1\n# TYPE a gauge\na 2\n'), { format: 'text' }).layout;
    expect(samples.map(({ family }) => family.type)).to.deep.equal(['unknown', 'gauge']);
  });

  it('leaves bounds as they are exposed when asked to', () => {
    const body = Buffer.from('# TYPE a histogram\na_bucket{le="1"} 1\n');
    expect(parsePage(body, { format: 'text', keepBounds: true }).layout.samples[0]!.labels).to.include('1');
  });

  it('hands out frozen labels and samples', () => {
    const [sample] = parsePage(Buffer.from('a{b="c"} 1'), { format: 'text' }).layout.samples;
    expect(Object.isFrozen(sample) && Object.isFrozen(sample!.labels)).to.equal(true);
  });

  it('quotes at most 80 characters of what it found, and none that a terminal would act on', () => {
    const body = Buffer.from(`a{b="c"} \u202e\x1b[31m${'x'.repeat(1000)}`);
    expect(() => parsePage(body, { format: 'text' }))
      .to.throw(ExpositionError, /^line 1, column 10: expected a value, found "\\u202e\\u001b\[31mx{74}"$/)
      .with.property('line', 1);
  });
});

describe('OpenMetrics 1.0', () => {
  const { parses, refuses } = calls('openmetrics');

  parses('');
  parses('a 1\n', 'a{} 1');
  parses('a{b="c",} 1 1.5\n', 'a{b="c"} 1 @1500');
  parses(
    'a 1 1520879607.789\na 1 -0.0001\na 1 1e20\n',
    'a{} 1 @1520879607789',
    'a{} 1 @0',
    'a{} 1 @9223372036854775000',
  );
  parses('{"a.b",c="d"} 1\n', 'a.b{c="d"} 1');
  parses('a_total{b="c"} 1 # {t="x",u="\\"y"} 0.5 123\na_total 2 5 # {} 1\n', 'a_total{b="c"} 1', 'a_total{} 2 @5000');
  parses('# TYPE a counter\na_total 1\na_created 1520872607.123\n', 'a_total{} 1', 'a_created{} 1520872607.123');
  parses('# UNIT a_seconds seconds\n# HELP a_seconds \na_seconds 1\n', 'a_seconds{} 1');

  refuses('', 'expected # EOF, found the end');
  refuses('a 1\n', 'line 2, column 1: expected # EOF');
  refuses('# EOF\n\n', 'expected nothing after # EOF');
  refuses('# EOFa 1', 'expected nothing after # EOF');
  refuses('\n# EOF\n', 'expected a metric name');
  refuses(' a 1\n# EOF\n', 'expected a metric name');
  refuses('# a remark\n# EOF\n', 'expected # HELP, # TYPE, # UNIT or # EOF');
  refuses('a{b="c", d="e"} 1\n# EOF\n', 'expected a label name');
  refuses('a{b="c"d="e"} 1\n# EOF\n', 'expected a comma or }');
  refuses('a{b="c\n"} 1\n# EOF\n', 'expected a closing quote');
  refuses('a  1\n# EOF\n', 'expected a value');
  refuses('a 1 \n# EOF\n', 'expected a timestamp in seconds');
  refuses('a 1\t2\n# EOF\n', 'expected a line feed');
  refuses('a 1 NaN\n# EOF\n', 'expected a timestamp in seconds');
  refuses('a 1 # {"x"} 1\n# EOF\n', 'expected =');
  refuses('a 1 # {x="y"}\n# EOF\n', "expected a space and the exemplar's value");
  refuses('a 1 # {x="\0"} 1\n# EOF\n', 'expected a closing quote');
  refuses('# TYPE a untyped\n# EOF\n', 'expected a type');
  refuses('# UNIT a seconds\n# EOF\n', 'expected a unit that ends the name a');
  refuses('# HELP a\n# EOF\n', 'expected a space and the text of HELP');

  it('reads families with their unit and the endings of each type', () => {
    const text =
      '# TYPE a_s gaugehistogram\n# UNIT a_s s\na_s_bucket{le="1"} 1\na_s_gsum 2\n# TYPE b info\nb_info 1\n# EOF';
    const { samples } = parsePage(Buffer.from(text), { format: 'openmetrics' }).layout;
    expect(samples.map(({ family: { name, type, unit } }) => [name, type, unit])).to.deep.equal([
      ['a_s', 'gaugehistogram', 's'],
      ['a_s', 'gaugehistogram', 's'],
      ['b', 'info', ''],
    ]);
  });

  it('keeps exemplars when asked to', () => {
    const text = 'a_total 1\nb_total 1 # {t="x",s="\\n"} 0.5 1.5\nc_total 1 # {} NaN\n# EOF\n';
    const { exemplars } = parsePage(Buffer.from(text), { format: 'openmetrics', exemplars: true });
    const labels: Labels = ['s', '\n', 't', 'x'];
    expect(exemplars).to.deep.equal([
      { index: 1, labels, value: 0.5, timestamp: 1500 },
      { index: 2, labels: [], value: Number.NaN },
    ]);
    expect(parsePage(Buffer.from(text), { format: 'openmetrics' })).not.to.have.property('exemplars');
  });
});

describe('strict mode', () => {
  const text = calls('text', true);
  text.parses('# TYPE a GAUGE_HISTOGRAM\na_bucket{le="1"} 1 -5\n', 'a_bucket{le="1"} 1 @-5');
  text.parses('# HELP a\n# TYPE a\n#HELP a x\n# TYPE a COUNTER\na 1\n', 'a{} 1');
  text.refuses('a 1', 'expected a line feed, found the end');
  text.refuses('a 1\n# TYPE a gauge\n', 'line 2, column 1: expected no second TYPE for a');
  text.refuses('# HELP a x\n# HELP a y\n', 'line 2, column 1: expected no second HELP for a');
  text.refuses('# HELP a \\x\n', 'expected only the escapes');
  text.refuses('a{b="\\x"} 1\n', 'expected the escape');
  text.refuses('# TYPE a histogram\na_bucket{le="x"} 1\n', 'line 2, column 1: expected a number as the value of le');
  text.refuses('# TYPE a histogram\na_count -1\n', 'expected no negative count');

  const openmetrics = calls('openmetrics', true);
  openmetrics.refuses('a 1\na 1\n# EOF\n', 'line 2, column 1: expected each series once');
  openmetrics.refuses('a{b="c",} 1\n# EOF\n', 'expected a label name');
  openmetrics.refuses('# TYPE a counter\na 1\n# EOF\n', 'expected no second family with the name a');
  openmetrics.refuses(
    '# TYPE a histogram\na_bucket{le="1"} 1\nb 1\n# EOF\n',
    'line 3, column 1: expected a to have a bucket +Inf',
  );
});

describe('a long page', () => {
  const seconds = (text: string): number => {
    const body = Buffer.from(text);
    const started = cpuTime();
    parsePage(body, { format: 'text' });
    return (cpuTime() - started) / 1000;
  };

  it('with many labels has them sorted, each once', () => {
    const names = Array.from({ length: 500 }, (_, i) => `l${(i * 7) % 500}`);
    const text = `a{${names.map((name) => `${name}="x"`).join()}} 1\n`;
    const [sample] = parsePage(Buffer.from(text), { format: 'text' }).layout.samples;
    expect(sample!.labels.filter((_, i) => i % 2 === 0)).to.deep.equal(['__name__', ...names.sort()]);
    expect(() => parsePage(Buffer.from(text.replace('l7=', 'l8=')), { format: 'text' })).to.throw(
      'the label "l8" only once',
    );
  });

  it('is read in linear time, whatever it is made of', () => {
    const n = 200_000;
    expect(seconds('a 1\n'.repeat(n))).to.be.below(2);
    expect(seconds('# TYPE a counter\n'.repeat(n))).to.be.below(2);
    expect(seconds(`a{b="${'x'.repeat(5_000_000)}"} 1\n`)).to.be.below(2);
    expect(seconds(`a{b="${'\\\\'.repeat(2_000_000)}"} 1\n`)).to.be.below(2);
    expect(seconds(`a ${'1'.repeat(2_000_000)}e-2000000\n`)).to.be.below(2);
    const labels = Array.from({ length: 50_000 }, (_, i) => `l${900_000 - i}="x"`);
    expect(seconds(`a{${labels.join()}} 1\n`)).to.be.below(2);
    expect(seconds(`{"b",${labels.reverse().join()}} 1\n`)).to.be.below(2);
  });

  it('gives NaN with the bits of Prometheus on its last line too', () => {
    const { values } = parsePage(Buffer.from('a 1\n'.repeat(1000).concat('a NaN')), { format: 'text' });
    expect([...new Uint32Array(values.buffer, values.byteOffset + 8000, 2)]).to.deep.equal([NAN_LOW, NAN_HIGH]);
  });
});
