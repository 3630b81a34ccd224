import { expect } from 'chai';
import { ucum } from '../../src/otlp/units.ts';

describe('ucum', () => {
  const is = (unit: string, want: string) =>
    it(`writes ${unit || 'no unit'} as ${want || 'none'}`, () => expect(ucum(unit)).to.equal(want));
  is('', '');
  is('seconds', 's');
  is('bytes', 'By');
  is('ratio', '1');
  is('bytes_per_second', 'By/s');
  is('queries_per_minute', 'queries/min');
  is('per_cent', 'per_cent');
  is('constructor', 'constructor');
});
