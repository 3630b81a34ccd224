import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { run } from '../../src/commands/relabel.ts';

/** Runs the command on these chunks of input. */
async function relabel(chunks: (string | Buffer)[], args: string[] = []) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const [code, out, err] = await Promise.all([
    run(args, { stdin: Readable.from(chunks), stdout, stderr }).finally(() => {
      stdout.end();
      stderr.end();
    }),
    text(stdout),
    text(stderr),
  ]);
  return {
    code,
    err,
    out,
    answers: out
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as unknown),
  };
}

const line = (input: unknown, config: unknown, more: object = {}) => `${JSON.stringify({ input, config, ...more })}\n`;

describe('dnscol relabel', () => {
  it('answers each line', async () => {
    const { code, answers } = await relabel([
      line({ a: 'x' }, [{ source_labels: ['a'], target_label: 'b' }]),
      line({ a: 'x' }, [{ source_labels: ['a'], regex: 'x', action: 'drop' }]),
      line({ a: 'x' }, [{ action: 'nope' }]),
      line({ a: 'x', b: '' }, []),
    ]);
    expect(code).to.equal(0);
    expect(answers.slice(0, 2)).to.deep.equal([{ dropped: false, labels: { a: 'x', b: 'x' } }, { dropped: true }]);
    expect(answers[2]).to.have.property('config_error').that.contains('config[0].action: must be one of replace');
    expect(answers[3]).to.deep.equal({ dropped: false, labels: { a: 'x' } });
  });

  it('names are UTF-8 unless legacy is asked for', async () => {
    const rules = [{ source_labels: ['a'], target_label: 'é' }];
    const { answers } = await relabel([
      line({ a: 'x' }, rules),
      line({ a: 'x' }, rules, { name_validation_scheme: 'utf8' }),
      line({ a: 'x' }, rules, { name_validation_scheme: 'legacy' }),
      line({ a: 'x' }, rules, { name_validation_scheme: 'ascii' }),
    ]);
    expect(answers[0]).to.deep.equal({ dropped: false, labels: { a: 'x', é: 'x' } });
    expect(answers[1]).to.deep.equal(answers[0]);
    expect(answers[2]).to.have.property('config_error').that.contains('legacy');
    expect(answers[3]).to.have.property('config_error').that.contains('name_validation_scheme');
  });

  it('keeps labels named __proto__, and label names of any kind', async () => {
    const { out } = await relabel(['{"input":{"__proto__":"x","1":"y","":"z"},"config":[]}\n']);
    expect(out).to.contain('"__proto__":"x"').and.contain('"1":"y"').and.contain('"":"z"');
  });

  it('takes numbers as they are written, past 2^53 too', async () => {
    const { answers } = await relabel([
      '{"input":{"a":"x"},"config":[{"source_labels":["a"],"target_label":"b","modulus":18446744073709551615,"action":"hashmod"}]}\n',
      '{"input":{"a":"1.50"},"config":[{"source_labels":["a"],"regex":1.50,"target_label":"b","replacement":1.0}]}\n',
    ]);
    expect(answers).to.deep.equal([
      { dropped: false, labels: { a: 'x', b: '17710500428000290726' } },
      { dropped: false, labels: { a: '1.50', b: '1.0' } },
    ]);
  });

  it('answers what it cannot read with an error, goes on, and exits with 1', async () => {
    const { code, answers } = await relabel([
      'not json\n',
      '[]\n',
      '{"config":[]}\n',
      line({ a: 1 }, []),
      line({}, []),
    ]);
    expect(code).to.equal(1);
    const words = ['not JSON', 'must be a JSON object', 'input is missing', 'input.a: must be a string'];
    words.forEach((want, i) => {
      expect(answers[i]).to.have.property('error').that.contains(want);
    });
    expect(answers[4]).to.deep.equal({ dropped: false, labels: {} });
  });

  it('reads lines across chunks, U+2028 in them, and a last line without its end', async () => {
    const bytes = Buffer.from(`${line({ a: '\u2028é' }, [])}\n${line({ b: 'y' }, []).trim()}`);
    const { answers } = await relabel([...bytes].map((byte) => Buffer.of(byte)));
    expect(answers).to.deep.equal([
      { dropped: false, labels: { a: '\u2028é' } },
      { dropped: false, labels: { b: 'y' } },
    ]);
  });

  it('puts U+FFFD in for lone surrogates, as Go does', async () => {
    const { answers } = await relabel(['{"input":{"a":"\\ud800"},"config":[]}\n']);
    expect(answers).to.deep.equal([{ dropped: false, labels: { a: '\ufffd' } }]);
  });

  it('takes no arguments but --help', async () => {
    const wrong = await relabel([], ['x']);
    expect([wrong.code, wrong.out]).to.deep.equal([2, '']);
    expect(wrong.err).to.contain('Usage');
    const help = await relabel([], ['--help']);
    expect([help.code, help.err]).to.deep.equal([0, '']);
    expect(help.out).to.contain('Usage');
  });
});
