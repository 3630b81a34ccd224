import { expect } from 'chai';
import { compileRe2, compileRegex, RegexError } from '../../../src/prometheus/relabel/regex.ts';
import { simpleRegex } from '../../../src/prometheus/relabel/simple.ts';
import { expand, parseTemplate } from '../../../src/prometheus/relabel/template.ts';
import { cpuTime } from '../../support/cpu.ts';
import { random } from '../../support/random.ts';

describe('src/prometheus/relabel/regex', () => {
  describe('a pattern', () => {
    const matches = (source: string, value: string, groups: (string | undefined)[] | undefined) =>
      it(`${source} gives ${JSON.stringify(groups)} for ${JSON.stringify(value)}`, () => {
        expect(compileRegex(source).exec(value)).to.deep.equal(groups);
        expect(compileRegex(source).test(value)).to.equal(groups !== undefined);
      });

    matches('', '', ['']);
    matches('', 'a', undefined);
    matches('a.c', 'a\nc', ['a\nc']);
    matches('ab', 'xabx', undefined);
    matches('(a)|b', 'b', ['b', undefined]);
    matches('(a|ab)(c|bcd)(d*)', 'abcd', ['abcd', 'a', 'bcd', '']);
    matches('(?i)k+', 'kK\u212a', ['kK\u212a']);
    matches('\\w+', 'é', undefined);
    matches('\\s', '\u00a0', undefined);
    matches('.', '😀', ['😀']);
    matches('\\pL+', '日本', ['日本']);
    matches('(?P<a>x)(?<b>y)', 'xy', ['xy', 'x', 'y']);
    matches('^a$', 'a', ['a']);
    matches('(?m)^a$\n^b$', 'a\nb', ['a\nb']);
    matches('[[:digit:]]{2,3}', '123', ['123']);
    // The anchors are joined to the pattern by text, as in Prometheus: each belongs to one side here.
    matches('a)|(b', 'ax', ['a', undefined]);
    matches('a)|(b', 'xb', ['b', 'b']);
  });

  describe('what is no pattern', () => {
    const refuses = (source: string, words: string) =>
      it(`${source} is refused: ${words}`, () => {
        expect(() => compileRegex(source)).to.throw(RegexError, words);
      });
    refuses('a(b', 'missing closing )');
    refuses('a**', 'invalid nested repetition operator');
    refuses('(?=a)', 'invalid or unsupported Perl syntax');
    refuses('(?<=a)b', 'invalid named capture: `(?<=a)b`');
    refuses('(a)\\1', 'invalid escape sequence');
    refuses('x{1001}', 'invalid repeat count');
    refuses('\\p{Nope}', 'invalid character class range');
    refuses('[z-a]', 'invalid character class range');
    refuses('\\Qabc', 'missing closing )');
  });

  describe('time', () => {
    const hostile = ['(x*)*', '([a-z]+)*X', '(a|aa)+$', '(.*)(\\d+)(.*)Z', '(?:.*a){20}', '((a?){30}){30}b'];
    for (const source of hostile) {
      it(`is linear in the value for ${source}`, () => {
        const regex = compileRegex(source);
        const took = (length: number) => {
          const value = `${'ab'.repeat(length / 2)}!`;
          const began = cpuTime();
          expect(regex.test(value)).to.equal(false);
          expect(regex.exec(value)).to.equal(undefined);
          return cpuTime() - began;
        };
        took(1000);
        // Backtracking needs 2^50 steps for 50 characters; the bound leaves room for a busy machine.
        expect(took(100_000)).to.be.lessThan(1000);
      });
    }
  });

  describe('groups with one name', () => {
    const expands = (source: string, value: string, want: string) =>
      it(`${source} puts ${want} in for \${n}`, () => {
        const regex = compileRegex(source);
        expect(expand(parseTemplate('${n}', regex.names), regex.exec(value)!)).to.equal(want);
      });
    expands('(?P<n>a)|(?P<n>b)', 'b', 'b');
    expands('(?P<n>a)(?<n>b)', 'ab', 'a');
    expands('(x)?[(?<n>](?P<n>a)\\Q(?P<n>\\E(?P<n>b)', '(a(?P<n>b', 'a');
  });

  describe('short cuts', () => {
    const taken = (source: string, isTaken: boolean) =>
      it(`are ${isTaken ? '' : 'not '}taken for ${source}`, () => {
        expect(simpleRegex(source) !== undefined).to.equal(isTaken);
      });
    for (const source of ['', '(.*)', '.+', 'a\\.b', 'a|b|', '(a|b)', '(?:a|b)', '^go_.*$', 'node_(.+)_total']) {
      taken(source, true);
    }
    for (const source of [
      'a+',
      '.*.*',
      '(a',
      'a)',
      '[a]',
      'a{2}',
      '(a)|b',
      '\\d',
      '(?i)a',
      '\\Qa',
      'a\\',
      '(.*',
      '.**',
    ]) {
      taken(source, false);
    }

    it('give the engine’s answers', () => {
      const next = random(7);
      const pick = <T>(from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
      const letters = ['a', 'b', 'ab', '\\.', '\\\\', '\\|', '\\$', '-', 'é', '😀', '\n', ''];
      const marks = ['|', '|', '.*', '(.*)', '.+', '(.+)', '(', '(?:', ')', '^', '$'];
      const values = ['', 'a', 'b', 'ab', 'ba', 'aa', 'abab', 'a.b', '\\', 'a|b', '$', 'é', '😀', 'a\nb', '-', 'a-b'];
      let compared = 0;
      for (let i = 0; i < 6000; i++) {
        const source = Array.from({ length: 1 + next() * 6 }, () => pick(next() < 0.5 ? letters : marks)).join('');
        const simple = simpleRegex(source);
        if (!simple) continue;
        compared++;
        const engine = compileRe2(source);
        const template = parseTemplate('<$0,$1>', new Map());
        for (const value of values) {
          const about = `${JSON.stringify(source)} for ${JSON.stringify(value)}`;
          expect(simple.exec(value), about).to.deep.equal(engine.exec(value));
          expect(simple.test(value), about).to.equal(engine.test(value));
          expect(simple.replaceAll(value, template), about).to.equal(engine.replaceAll(value, template));
        }
      }
      expect(compared).to.be.greaterThan(900);
    });
  });

  describe('a template', () => {
    const groups = ['whole', 'one', undefined, 'three'];
    const names = new Map([
      ['n', [3]],
      ['é1', [1]],
    ]);
    const gives = (template: string, want: string) =>
      it(`${template} gives ${want}`, () => {
        expect(expand(parseTemplate(template, names), groups)).to.equal(want);
      });
    gives('$1-${3}', 'one-three');
    gives('$0', 'whole');
    gives('[$2$4$100]', '[]');
    gives('$1x', '');
    gives('${1}x', 'onex');
    gives('$n ${n} $é1', 'three three one');
    gives('$$1 $$$1', '$1 $one');
    gives('$', '$');
    gives('a$', 'a$');
    gives('$-', '$-');
    gives('${', '${');
    gives('${}', '${}');
    gives('${1', '${1');
    gives('${ 1}', '${ 1}');
    gives('$01', '');
    gives('$1000000000', '');
  });
});
