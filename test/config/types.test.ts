import { expect } from 'chai';
import * as s from '#config';
import { typeScalar } from '../../src/config/scalar.ts';
import { loadFiles } from '../support/config.ts';

const gives = (text: string, want: unknown) =>
  it(`${JSON.stringify(text)} is ${typeof want === 'bigint' ? `${want}n` : String(want)}`, () => {
    expect(Object.is(typeScalar(text), want), String(typeScalar(text))).to.equal(true);
  });

describe('a plain scalar', () => {
  for (const text of ['', '~', 'null', 'Null', 'NULL']) gives(text, null);
  for (const text of ['true', 'True', 'TRUE']) gives(text, true);
  for (const text of ['false', 'False', 'FALSE']) gives(text, false);
  for (const text of [
    'yes',
    'no',
    'on',
    'off',
    'y',
    'tRue',
    'nULL',
    '2024-01-01',
    '1:30',
    '1.2.3',
    '0x',
    '0b2',
    '+',
    '-',
    '.',
  ]) {
    gives(text, text);
  }
  gives('0', 0);
  gives('-0', 0);
  gives('+12', 12);
  gives('1_000', 1000);
  gives('0x1F', 31);
  gives('0o17', 15);
  gives('017', 15);
  gives('089', 89);
  gives('0b101', 5);
  gives('1e3', 1000);
  gives('.5', 0.5);
  gives('1.', 1);
  gives('.inf', Infinity);
  gives('-.INF', -Infinity);
  gives('.nan', Number.NaN);
  gives('9007199254740993', 9007199254740993n);
  gives('1e999', Infinity);
});

/** What an option of this type makes of `a: ${env:VALUE}`; the issue's words when it refuses. */
async function read<T>(schema: s.Schema<T>, value: string, written = '${env:VALUE}'): Promise<unknown> {
  const { tree } = await loadFiles({ files: { 'agent.yaml': `a: ${written}` }, env: { VALUE: value } });
  const wrong: string[] = [];
  const note = (_path: string, message: string) => wrong.push(message);
  const option = s.object({ a: s.optional(schema, '') });
  const got = option.read(tree, '', { issue: note, warn: () => {} });
  return got === s.INVALID ? wrong.join() : got.a;
}

const typed = <T>(schema: s.Schema<T>, value: string, want: unknown, written?: string) =>
  it(`${schema.typeName} takes ${JSON.stringify(value)}${written ? ` in ${written}` : ''} as ${JSON.stringify(want)}`, async () => {
    expect(await read(schema, value, written)).to.deep.equal(want);
  });

describe('a value from a variable', () => {
  // The original text, where a string is wanted.
  for (const value of [
    '0123',
    '1e3',
    'true',
    '0xdeadbeef',
    '1_000',
    '[a, b]',
    '{a: 1}',
    '"quoted"',
    '2006-01-02',
    '0.0',
  ]) {
    typed(s.string(), value, value);
  }
  typed(s.string(), '', '');
  typed(s.string(), 'line\nline', 'line\nline');
  typed(s.string(), '0123', 'a 0123 b', 'a ${env:VALUE} b');
  typed(s.string(), 'null', 'null');
  // The type that YAML sees, elsewhere.
  typed(s.int(), '0123', 83);
  typed(s.int(), '0xdeadbeef', 0xdeadbeef);
  typed(s.int(), '8080', 8080);
  typed(s.int(), '', undefined);
  typed(s.float(), '3.5', 3.5);
  typed(s.bool(), 'true', true);
  typed(s.bool(), 'TRUE', true);
  typed(s.duration(), '30s', 30_000);
  typed(s.size(), '4MiB', 4_194_304);
  typed(s.size(), '4096', 4096);
  typed(s.oneOf('1', 'two'), '1', '1');
  typed(s.word('basic', 'normal'), 'Normal', 'normal');
  typed(
    s.oneOf('gzip', ''),
    'zip',
    "must be one of gzip, '', not the string that an expansion gave; did you mean gzip?",
  );
  typed(s.list(s.string()), '[a, b]', ['a', 'b']);
  typed(s.mapOf(s.secret()), '', new Map([['a', new s.Secret('')]]), '{a: "${env:UNSET}"}');
  typed(s.list(s.string()), '', ['', 'b'], '["${env:UNSET}", b]');
  typed(s.list(s.int()), '', 'must be a whole number, not nothing', '["${env:UNSET}"]');
  typed(s.strings(), 'a,b', ['a', 'b']);
  typed(s.strings(), '[a, b]', ['a', 'b']);
  typed(s.mapOf(s.int()), '{a: 1}', new Map([['a', 1]]));
  // Nothing that is not of the type.
  typed(s.int(), 'eight', 'must be a whole number, not the string that an expansion gave');
  typed(s.int(), '1.5', 'must be a whole number, not the number that an expansion gave');
  typed(s.int(), '80', 'must be a whole number, not the string that an expansion gave', '1${env:VALUE}');
  typed(s.bool(), 'yes', 'must be true or false, not the string that an expansion gave');
  typed(s.duration(), '30', 'must be a duration such as 30s or 1m30s, not the number that an expansion gave');
});

describe('a value that is written', () => {
  const written = <T>(schema: s.Schema<T>, text: string, want: unknown) => typed(schema, '', want, text);
  written(s.string(), '"0123"', '0123');
  written(s.string(), '8080', 'must be a string, not the number 8080');
  written(s.string(), 'true', 'must be a string, not the bool true');
  written(s.int(), '"5"', 'must be a whole number, not the string "5"');
  written(s.bool(), '"true"', 'must be true or false, not the string "true"');
  written(s.strings(), 'a, b', ['a', 'b']);
});
