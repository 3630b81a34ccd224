import { PassThrough, Readable } from 'node:stream';
import { expect } from 'chai';
import { run } from '../../src/commands/parse.ts';
import { family, PROTOBUF_TYPE, protobufPage } from '../support/metric_family.ts';

async function parse(page: string | Buffer, ...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const collect = async (stream: PassThrough) => Buffer.concat(await stream.toArray()).toString();
  const texts = Promise.all([collect(stdout), collect(stderr)]);
  const code = await run(args, { stdin: Readable.from([Buffer.from(page as string)]), stdout, stderr });
  stdout.end();
  stderr.end();
  const [out, err] = await texts;
  return { code, out, err };
}

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

describe('dnscol parse', () => {
  it('prints a line of JSON for each sample', async () => {
    expect(await parse('# TYPE a gauge\na{b="c",A="__name__"} 1e6\nb NaN 5\nb -Inf')).to.deep.equal({
      code: 0,
      out: [
        '{"name":"a","labels":{"A":"__name__","b":"c"},"value":"1e+06","timestamp":null}',
        '{"name":"b","labels":{},"value":"NaN","timestamp":5}',
        '{"name":"b","labels":{},"value":"-Inf","timestamp":null}\n',
      ].join('\n'),
      err: '',
    });
  });

  it('keeps labels whose names mean something to JavaScript', async () => {
    const { out } = await parse('a{__proto__="x",constructor="y"} 1\n');
    expect(out).to.contain('"labels":{"__proto__":"x","constructor":"y"}');
  });

  it('reads OpenMetrics by its Content-Type, in either spelling of the flag', async () => {
    const page = '# TYPE a counter\na_total 1 1.5 # {t="x"} 0.5\n# EOF\n';
    const line = '{"name":"a_total","labels":{},"value":"1","timestamp":1500}\n';
    expect((await parse(page, '--content-type', OPENMETRICS)).out).to.equal(line);
    expect((await parse(page, `--content-type=${OPENMETRICS}`)).out).to.equal(line);
    expect((await parse(page, '--content-type', OPENMETRICS, '--exemplars')).out).to.equal(
      line.replace('}\n', ',"exemplar":{"labels":{"t":"x"},"value":"0.5","timestamp":null}}\n'),
    );
  });

  it('prints nothing but the fault of a bad page', async () => {
    expect(await parse('a 1\nb{ 2\n')).to.deep.equal({
      code: 1,
      out: '',
      err: 'line 2, column 4: expected a label name or }, found "2"\n',
    });
  });

  it('is laxer than the format unless told to be strict', async () => {
    expect((await parse('a 1')).code).to.equal(0);
    expect((await parse('a 1', '--strict')).code).to.equal(1);
  });

  it('refuses a Content-Type that it cannot read', async () => {
    expect(await parse('a 1', '--content-type', 'text/html')).to.have.property('code', 1);
    expect(await parse('a 1', '--content-type', 'application/vnd.google.protobuf')).to.deep.equal({
      code: 1,
      out: '',
      err: 'the protobuf page cannot be read at byte 1: a length of 97 goes beyond the end of what it is in\n',
    });
  });

  it('prints native histograms of protobuf pages', async () => {
    const exemplar = { label: [{ name: 'id', value: 'x' }], value: 3, timestamp: { seconds: 2 } };
    const histogram = {
      sampleCount: 3,
      sampleSum: 4.5,
      zeroThreshold: 0.5,
      zeroCount: 1,
      positiveSpan: [{ offset: 2, length: 1 }],
      positiveDelta: [2],
      exemplars: [exemplar, exemplar],
    };
    const page = protobufPage([family('histogram', 'h', [[{ a: 'b' }, histogram]])]);
    const { out } = await parse(page, '--content-type', PROTOBUF_TYPE, '--exemplars');
    const shown = { labels: { id: 'x' }, value: '3', timestamp: 2000 };
    expect(JSON.parse(out)).to.deep.equal({
      name: 'h',
      labels: { a: 'b' },
      value: '4.5',
      timestamp: null,
      histogram: {
        schema: 0,
        float: false,
        gauge: false,
        count: '3',
        sum: '4.5',
        zero_threshold: '0.5',
        zero_count: '1',
        positive: [[2, '2']],
        negative: [],
      },
      exemplars: [shown, shown],
    });
  });

  it('prints nothing for an empty page', async () => {
    expect(await parse('')).to.deep.equal({ code: 0, out: '', err: '' });
  });

  it('writes more than a pipe holds', async () => {
    const { code, out } = await parse('some_series{a="b"} 1\n'.repeat(20_000));
    expect([code, out.split('\n').length]).to.deep.equal([0, 20_001]);
  });

  it('answers wrong usage with 2 and a question with 0', async () => {
    expect(await parse('', '--nonsense')).to.include({ code: 2, out: '' });
    expect((await parse('', '--nonsense')).err).to.match(/^parse has no argument --nonsense\nUsage: /);
    expect((await parse('', '--content-type')).code).to.equal(2);
    expect(await parse('', '--help')).to.include({ code: 0, err: '' });
  });
});
