import { expect } from 'chai';
import * as packet from 'dns-packet';
import { type Ignored, makeQuery, parseResolvConf, readReply } from '#dns';
import { mutateMessage, readAll } from '../support/dns-noise.ts';
import { random } from '../support/random.ts';

const query = makeQuery('a.test', 1, { udpSize: 1232 });
const seed = packet.encode({
  type: 'response',
  id: query.id,
  questions: [{ name: 'a.test', type: 'A' }],
  answers: [
    { type: 'CNAME', name: 'a.test', data: 'b.test' },
    { type: 'A', name: 'b.test', data: '10.0.0.1' },
    { type: 'TXT', name: 'b.test', data: ['one', 'two'] },
    { type: 'MX', name: 'b.test', data: { preference: 1, exchange: 'c.test' } },
  ],
  authorities: [{ type: 'SOA', name: 'test', data: { mname: 'm.test', rname: 'r.test' } }],
});

describe('noise', () => {
  it('as a message is a result or a MalformedMessage', () => {
    const rnd = random(53);
    let good = 0;
    for (let i = 0; i < 3000; i++) if (readAll(mutateMessage(rnd, seed))) good++;
    expect(good).to.be.within(300, 2700);
  });

  it('as a reply is an answer to the question or a reason to wait on', () => {
    const rnd = random(54);
    const reasons = new Set<Ignored | 'answer'>();
    for (let i = 0; i < 3000; i++) {
      const reply = readReply(mutateMessage(rnd, seed), query);
      if (typeof reply !== 'string') expect(reply.id).to.equal(query.id);
      reasons.add(typeof reply === 'string' ? reply : 'answer');
    }
    expect([...reasons]).to.include.members(['answer', 'wrong_id', 'wrong_question', 'malformed', 'not_a_response']);
  });

  it('as a resolv.conf is a configuration', () => {
    const rnd = random(55);
    const text = 'nameserver 10.0.0.1\nsearch a b\noptions ndots:5 timeout:2 rotate\n# x\ndomain c\n';
    for (let i = 0; i < 3000; i++) {
      const conf = parseResolvConf(mutateMessage(rnd, Buffer.from(text)).toString('latin1'));
      expect(conf.nameservers.length).to.be.within(1, 3);
      expect(conf.ndots).to.be.within(0, 15);
      expect(conf.timeout).to.be.within(0, 30);
    }
  });
});
