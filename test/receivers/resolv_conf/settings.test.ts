import { expect } from 'chai';
import { parseResolvConf } from '#dns';
import { queriesFor } from '../../../receivers/resolv_conf/settings.ts';

describe('queries that a name costs', () => {
  const costs = (name: string, file: string, want: number) =>
    it(`${name} with ${JSON.stringify(file)}`, () => {
      expect(queriesFor(name, parseResolvConf(file))).to.equal(want);
    });
  const kubernetes = 'search a.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5';
  costs('www.example.com', kubernetes, 8);
  costs('www.example.com.', kubernetes, 2);
  costs('a.b.c.d.e.example', kubernetes, 2);
  costs('www.example.com', `${kubernetes} no-aaaa`, 4);
  costs('www.example.com', kubernetes.replace('ndots:5', 'ndots:2'), 2);
  costs('www.example.com', 'options ndots:5', 2);
  costs('example', 'search a b', 6);
});
