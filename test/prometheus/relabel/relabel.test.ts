import { expect } from 'chai';
import { parse } from '#config';
import { formatLabels, labelsOf } from '#metrics';
import { checkRelabelNames, compileRelabel, type NameValidationScheme, relabelConfigsSchema } from '#prometheus';

type Rule = Record<string, unknown>;

function relabel(input: Record<string, string>, rules: Rule[], scheme: NameValidationScheme = 'utf8') {
  return compileRelabel(parse(relabelConfigsSchema, rules), scheme).relabel(labelsOf(input));
}

describe('src/prometheus/relabel', () => {
  describe('rules', () => {
    const gives = (
      title: string,
      input: Record<string, string>,
      rules: Rule[],
      want: Record<string, string> | 'dropped',
    ) =>
      it(title, () => {
        const got = relabel(input, rules);
        expect(got ? formatLabels(got) : 'dropped').to.equal(want === 'dropped' ? want : formatLabels(labelsOf(want)));
      });

    gives(
      'replace writes the value where it matches',
      { a: 'x1' },
      [{ source_labels: ['a'], regex: 'x(.)', target_label: 'b' }],
      {
        a: 'x1',
        b: '1',
      },
    );
    gives('replace takes the label away when nothing is left to write', { a: 'x', b: 'y' }, [{ target_label: 'b' }], {
      a: 'x',
    });
    gives(
      'replace does nothing for a name that is empty',
      { a: 'x' },
      [{ source_labels: ['a'], regex: '(y)?x', target_label: '$1', replacement: 'z' }],
      { a: 'x' },
    );
    gives(
      'source labels that are not there are empty',
      { a: 'x' },
      [{ source_labels: ['a', 'no', 'a'], target_label: 'b' }],
      {
        a: 'x',
        b: 'x;;x',
      },
    );
    gives(
      'keep drops what does not match',
      { a: 'x' },
      [{ source_labels: ['a'], regex: 'y', action: 'keep' }],
      'dropped',
    );
    gives('drop drops what matches', { a: 'x' }, [{ source_labels: ['a'], regex: 'x', action: 'drop' }], 'dropped');
    gives(
      'keepequal keeps what is equal',
      { a: 'x', b: 'x' },
      [{ source_labels: ['a'], target_label: 'b', action: 'keepequal' }],
      { a: 'x', b: 'x' },
    );
    gives(
      'dropequal takes two labels that are not there for equal',
      { a: 'x' },
      [{ source_labels: ['no'], target_label: 'neither', action: 'dropequal' }],
      'dropped',
    );
    gives(
      'hashmod takes the last eight bytes of the MD5',
      { a: 'foo\nbar' },
      [{ source_labels: ['a'], target_label: 'b', modulus: 1000, action: 'hashmod' }],
      { a: 'foo\nbar', b: '734' },
    );
    gives(
      'hashmod takes a modulus of 64 bits',
      { a: 'x' },
      [{ source_labels: ['a'], target_label: 'b', modulus: 18446744073709551615n, action: 'hashmod' }],
      { a: 'x', b: '17710500428000290726' },
    );
    gives('labeldrop takes labels away', { a: 'x', ab: 'y', c: 'z' }, [{ regex: 'a.*', action: 'labeldrop' }], {
      c: 'z',
    });
    gives(
      'labelkeep leaves only those that match',
      { a: 'x', ab: 'y', c: 'z' },
      [{ regex: 'a.*', action: 'labelkeep' }],
      {
        a: 'x',
        ab: 'y',
      },
    );
    gives(
      'labelmap copies labels to other names',
      { __meta_a: 'x', __meta_b: 'y' },
      [{ regex: '__meta_(.+)', action: 'labelmap' }],
      { __meta_a: 'x', __meta_b: 'y', a: 'x', b: 'y' },
    );
    gives(
      'labelmap, when two labels get one name, keeps the one that was set last, else the last by name',
      { m_a: '1', m_b: '2', n: 'x' },
      [
        { source_labels: ['n'], target_label: 'm_a' },
        { regex: 'm_.', replacement: 'm', action: 'labelmap' },
      ],
      { m: 'x', m_a: 'x', m_b: '2', n: 'x' },
    );
    gives(
      'actions are taken in any case',
      { a: 'x' },
      [{ source_labels: ['a'], target_label: 'a', action: 'UpperCase' }],
      { a: 'X' },
    );
    gives(
      'lower case is by letter: no final sigma, a dotted İ becomes i',
      { a: 'ΣΑΣİ' },
      [{ source_labels: ['a'], target_label: 'b', action: 'lowercase' }],
      { a: 'ΣΑΣİ', b: 'σασi' },
    );
    gives(
      'upper case is by letter: ß stays, iota letters have one of their own',
      { a: 'ßﬁᾳᾀ😀ǆ' },
      [{ source_labels: ['a'], target_label: 'b', action: 'uppercase' }],
      { a: 'ßﬁᾳᾀ😀ǆ', b: 'ßﬁᾼᾈ😀Ǆ' },
    );
    gives('__proto__ is a label like any other', { a: 'x' }, [{ source_labels: ['a'], target_label: '__proto__' }], {
      a: 'x',
      ['__proto__']: 'x',
    });
  });

  it('labels that no rule changes come back as the same object', () => {
    const labels = labelsOf({ a: 'x', b: 'y' });
    const same = [
      { source_labels: ['a'], regex: 'x', action: 'keep' },
      { source_labels: ['a'], target_label: 'a' },
      { regex: 'z', action: 'labeldrop' },
    ];
    expect(compileRelabel(parse(relabelConfigsSchema, same)).relabel(labels)).to.equal(labels);
  });

  it('under legacy names, replace does nothing for a name that is not valid', () => {
    const rules = [{ source_labels: ['a'], target_label: '$1' }];
    expect(formatLabels(relabel({ a: 'é' }, rules, 'legacy')!)).to.equal('{a="é"}');
    expect(formatLabels(relabel({ a: 'é' }, rules, 'utf8')!)).to.equal('{a="é",é="é"}');
  });

  describe('rules that Prometheus refuses', () => {
    const refuses = (rule: Rule, words: string) =>
      it(`${JSON.stringify(rule)}: ${words}`, () => {
        expect(() => parse(relabelConfigsSchema, [rule])).to.throw(words);
      });
    refuses({}, '[0].target_label: is missing; replace needs it');
    refuses({ action: 'hashmod', target_label: 'a' }, '[0].modulus: is missing');
    refuses({ action: 'hashmod', target_label: 'a', modulus: '8' }, '[0].modulus: must be a whole number');
    refuses({ action: 'hashmod', target_label: 'a', modulus: -1 }, '[0].modulus: must be a whole number');
    refuses({ action: 'hashmod', target_label: 'a', modulus: 2 ** 64 }, '[0].modulus: must be a whole number');
    refuses({ action: 'labelmap', replacement: '' }, '[0].replacement: must not be empty');
    refuses({ action: 'labeldrop', source_labels: [] }, '[0].source_labels: has no meaning for labeldrop');
    refuses({ action: 'labelkeep', target_label: 'a' }, '[0].target_label: has no meaning for labelkeep');
    refuses({ action: 'labeldrop', separator: ',' }, '[0].separator: has no meaning');
    refuses({ action: 'labeldrop', modulus: 2 }, '[0].modulus: has no meaning');
    refuses({ action: 'keepequal', target_label: 'a', regex: '(.*)' }, '[0].regex: has no meaning for keepequal');
    refuses({ action: 'dropequal', target_label: 'a', separator: '' }, '[0].separator: has no meaning');
    refuses({ action: 'uppercase', target_label: 'a', replacement: 'x' }, '[0].replacement: has no meaning');
    refuses({ action: 'drp' }, 'did you mean drop?');
    refuses({ target_label: 'a', sourcelabels: ['a'] }, 'did you mean source_labels?');
    refuses({ target_label: 'a', source_labels: 'a' }, '[0].source_labels: must be a list');
    refuses({ target_label: 'a', source_labels: [''] }, '[0].source_labels[0]: must not be empty');
    refuses({ target_label: 'a', regex: '(' }, '[0].regex: is not a regular expression (RE2)');

    it('an empty item of the list', () => {
      expect(() => parse(relabelConfigsSchema, [null])).to.throw('[0]: is empty');
    });
  });

  describe('reading', () => {
    it('takes numbers and booleans where a string belongs', () => {
      const [rule] = parse(relabelConfigsSchema, [{ regex: 123, replacement: true, target_label: 'a' }]);
      expect([rule!.regex.source, rule!.replacement]).to.deep.equal(['123', 'true']);
    });

    it('takes a key with nothing behind it for the empty string', () => {
      const [rule] = parse(relabelConfigsSchema, [
        { regex: null, separator: null, replacement: null, target_label: 'a' },
      ]);
      expect([rule!.regex.source, rule!.separator, rule!.replacement]).to.deep.equal(['', '', '']);
    });
  });

  describe('names', () => {
    const complaints = (rule: Rule, scheme: NameValidationScheme): string[] => {
      const found: string[] = [];
      checkRelabelNames(parse(relabelConfigsSchema, [rule]), scheme, (path) => found.push(path));
      return found;
    };
    const legacyRefuses = (rule: Rule, ...want: string[]) =>
      it(`legacy has ${want.length ? want : 'nothing'} against ${JSON.stringify(rule)}, utf8 nothing`, () => {
        expect(complaints(rule, 'legacy')).to.deep.equal(want);
        expect(complaints(rule, 'utf8')).to.deep.equal([]);
      });
    legacyRefuses({ target_label: 'a-b' }, '[0].target_label');
    legacyRefuses({ target_label: 'a${1}_$n' });
    legacyRefuses({ target_label: 'a${1' }, '[0].target_label');
    legacyRefuses({ target_label: '1a' }, '[0].target_label');
    legacyRefuses({ target_label: '${1}', action: 'lowercase' }, '[0].target_label');
    legacyRefuses({ target_label: 'é', action: 'hashmod', modulus: 2 }, '[0].target_label');
    legacyRefuses({ replacement: 'a.$1', action: 'labelmap' }, '[0].replacement');
    legacyRefuses({ replacement: '${1}', action: 'labelmap' });
  });
});
