import { expect } from 'chai';
import { fieldSelectorFault, labelSelectorFault } from '../../../src/prometheus/config/selectors.ts';

describe('prometheus/config selectors', () => {
  const label = (text: string, fault?: string) =>
    it(`${JSON.stringify(text)} is ${fault ? 'no' : 'a'} label selector`, () => {
      expect(labelSelectorFault(text)).to.equal(fault);
    });
  label('');
  label('app');
  label('!app');
  label('app=web,tier!=x,k8s.io/name==y');
  label('app in (a, b),tier notin (c)');
  label('app in ()');
  label('app in (,a)');
  label('empty=');
  label('n>5, n < 10');
  label('a b', 'has "a b", which is not a label\'s name');
  label('app=', undefined);
  label('app=a b', 'has "a b", which is not a label\'s value');
  label('app,', 'has an empty requirement');
  label('-app', 'has "-app", which is not a label\'s name');
  label('A/b', 'has "A/b", which is not a label\'s name');
  label('n>x', 'compares n with "x"');
  label(`app=${'a'.repeat(64)}`, `has "${'a'.repeat(64)}", which is not a label's value`);

  const field = (text: string, fault?: string) =>
    it(`${JSON.stringify(text)} is ${fault ? 'no' : 'a'} field selector`, () => {
      expect(fieldSelectorFault(text)).to.equal(fault);
    });
  field('');
  field('spec.nodeName=node-1');
  field('spec.nodeName==node-1,status.phase!=Failed');
  field('a=b\\,c,d=\\=');
  field('spec.nodeName=');
  field('spec.nodeName', 'has "spec.nodeName", which is not field=value or field!=value');
  field('a=b=c', 'has "b=c", where \\ , and = must be written \\\\ \\, and \\=');
  field('a=\\x', 'has "\\\\x", where \\ , and = must be written \\\\ \\, and \\=');
});
