import { expect } from 'chai';
import * as packet from 'dns-packet';
import {
  answersOf,
  dataText,
  encodeName,
  encodeQuery,
  MalformedMessage,
  normalizeData,
  parseHeader,
  parseMessage,
  typeName,
  typeNumber,
} from '#dns';

const question = { name: 'a.test.', type: 1, class: 1 };
const encode = (shape: packet.Packet) =>
  packet.encode({ type: 'response', id: 7, questions: [{ name: 'a.test', type: 'A' }], ...shape });
const a = (name: string, data = '10.0.0.1') => ({ type: 'A', name, ttl: 60, data }) as const;
const cname = (name: string, data: string) => ({ type: 'CNAME', name, ttl: 60, data }) as const;

describe('encodeQuery', () => {
  const decoded = (options: Partial<Parameters<typeof encodeQuery>[2]> = {}) =>
    packet.decode(Buffer.from(encodeQuery(encodeName('a.test'), 28, { id: 513, ...options })));

  it('asks one question, recursion desired', () => {
    const query = decoded();
    expect(query).to.include({ id: 513, type: 'query', flag_rd: true, flag_ad: false, flag_cd: false });
    expect(query.questions).to.deep.equal([{ name: 'a.test', type: 'AAAA', class: 'IN' }]);
    expect(query.additionals).to.deep.equal([]);
  });
  it('says in EDNS what it can take', () => {
    expect(decoded({ udpSize: 1232 }).additionals![0]).to.include({
      type: 'OPT',
      udpPayloadSize: 1232,
      flag_do: false,
    });
    expect(decoded({ dnssecOk: true }).additionals![0]).to.include({ udpPayloadSize: 512, flag_do: true });
  });
  it('sets the bits that it is told to', () => {
    expect(decoded({ recursionDesired: false, checkingDisabled: true, authenticData: true })).to.include({
      flag_rd: false,
      flag_ad: true,
      flag_cd: true,
    });
  });
});

describe('parseMessage', () => {
  it('reads header, questions, records and EDNS', () => {
    const message = parseMessage(
      encode({
        flags: packet.AUTHORITATIVE_ANSWER | packet.RECURSION_AVAILABLE | packet.AUTHENTIC_DATA | 3,
        answers: [a('a.test'), a('a.test', '10.0.0.2')],
        authorities: [{ type: 'SOA', name: 'test', data: { mname: 'm.test', rname: 'r.test', serial: 9 } }],
        additionals: [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: 1232,
            flags: packet.DNSSEC_OK,
            extendedRcode: 0,
            ednsVersion: 0,
            flag_do: true,
            options: [],
          },
        ],
      }),
    );
    expect(message).to.include({
      id: 7,
      isResponse: true,
      authoritative: true,
      recursionAvailable: true,
      authenticData: true,
      truncated: false,
      rcodeName: 'NXDOMAIN',
    });
    expect(message.questions).to.deep.equal([question]);
    expect(message.answers.map((record) => [record.name, record.ttl, dataText(message, record)])).to.deep.equal([
      ['a.test.', 60, '10.0.0.1'],
      ['a.test.', 60, '10.0.0.2'],
    ]);
    expect(dataText(message, message.authorities[0]!)).to.match(/^m\.test\. r\.test\. 9 /);
    expect(message.edns).to.deep.equal({ udpSize: 1232, version: 0, dnssecOk: true });
  });

  it("adds EDNS' bits to the rcode", () => {
    const opt = {
      type: 'OPT',
      name: '.',
      udpPayloadSize: 512,
      flags: 0,
      extendedRcode: 1,
      ednsVersion: 0,
      flag_do: false,
      options: [],
    } as const;
    expect(parseMessage(encode({ additionals: [{ ...opt, options: [] }] })).rcodeName).to.equal('BADVERS');
  });

  it('lets bytes behind the end be', () => {
    expect(parseMessage(Buffer.concat([encode({}), Buffer.from('more')])).questions).to.deep.equal([question]);
  });

  const refuses = (what: string, bytes: Uint8Array, why: RegExp) =>
    it(`refuses ${what}`, () => expect(() => parseMessage(bytes)).to.throw(MalformedMessage, why));
  const patched = (at: number, ...values: number[]) => {
    const bytes = encode({ answers: [a('a.test')] });
    bytes.set(values, at);
    return bytes;
  };
  refuses('less than a header', Buffer.alloc(11), /11 bytes are no header/);
  refuses('more questions than fit', patched(4, 0xff, 0xff), /65535 questions do not fit/);
  refuses('more answers than fit', patched(6, 0xff, 0xff), /65535 records do not fit/);
  refuses('an answer too many', patched(6, 0, 2), /1? ?records do not fit|beyond the end/);
  refuses('data beyond the end', patched(encode({ answers: [a('a.test')] }).length - 6, 0, 5), /data go beyond/);
  refuses('half a question', encode({}).subarray(0, 22), /within a question|beyond the end/);

  it('makes nothing from counts that cannot be true', () => {
    const liar = Buffer.alloc(12, 0xff);
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1000; i++) expect(() => parseMessage(liar)).to.throw(MalformedMessage);
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(1 << 20);
  });

  it('reads the header alone of what it cannot read', () => {
    expect(parseHeader(Buffer.alloc(12, 0xff)).counts).to.deep.equal([65535, 65535, 65535, 65535]);
  });
});

describe('dataText', () => {
  const reads = (type: string, record: object, want: string) =>
    it(`reads ${type}: ${want}`, () => {
      const message = parseMessage(encode({ answers: [{ type, name: 'a.test', ttl: 1, ...record } as packet.Answer] }));
      expect(dataText(message, message.answers[0]!)).to.equal(want);
    });
  reads('A', { data: '192.0.2.1' }, '192.0.2.1');
  reads('AAAA', { data: '2001:db8::1' }, '2001:db8::1');
  reads('CNAME', { data: 'B.test' }, 'B.test.');
  reads('MX', { data: { preference: 10, exchange: 'mail.test' } }, '10 mail.test.');
  reads('SRV', { data: { priority: 1, weight: 2, port: 5060, target: 'sip.test' } }, '1 2 5060 sip.test.');
  reads('TXT', { data: ['one ', 'two'] }, 'one two');
  reads('CAA', { data: { flags: 0, tag: 'issue', value: 'ca.test' } }, '0 issue "ca.test"');
  reads('SSHFP', { data: { algorithm: 1, hash: 1, fingerprint: 'ab'.repeat(20) } }, `\\# 22 0101${'ab'.repeat(20)}`);

  const record = (type: number, ...data: number[]) => {
    const bytes = Buffer.concat([
      Buffer.from([0, 7, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, type >> 8, type & 255, 0, 1, 0, 0, 0, 0, 0, data.length]),
      Buffer.from(data),
    ]);
    const message = parseMessage(bytes);
    return () => dataText(message, message.answers[0]!);
  };
  const refuses = (what: string, read: () => string) =>
    it(`refuses ${what}`, () => expect(read).to.throw(MalformedMessage));
  refuses('an address of three bytes', record(1, 10, 0, 0));
  refuses('an address of five bytes', record(28, 1, 2, 3, 4, 5));
  refuses('a name shorter than its data', record(5, 0, 0));
  refuses('a name longer than its data', record(15, 0, 10, 3));
  refuses('a text longer than its data', record(16, 9, 65));
});

describe('answersOf', () => {
  const answers = (...records: packet.Answer[]) => answersOf(parseMessage(encode({ answers: records })), question);

  it('follows aliases from the asked name', () => {
    expect(answers(a('c.test', '10.0.0.9'), cname('A.test', 'b.test'), cname('B.TEST', 'C.test'))).to.deep.equal({
      data: ['10.0.0.9'],
      aliases: 2,
      loop: false,
    });
  });
  it('leaves out records of names that were not asked for', () => {
    expect(answers(a('evil.test'), a('a.test', '10.0.0.2'))).to.deep.include({ data: ['10.0.0.2'] });
  });
  it('sees a circle of aliases', () => {
    expect(answers(cname('a.test', 'b.test'), cname('b.test', 'a.test'))).to.deep.include({ data: [], loop: true });
    expect(answers(cname('a.test', 'a.test'))).to.deep.include({ loop: true });
  });
  it('is not led on by a label with a dot in it', () => {
    const bytes = encode({ answers: [cname('a.test', 'bXtest'), a('b.test', '10.6.6.6')] });
    bytes[bytes.indexOf('bXtest') + 1] = 0x2e;
    expect(answersOf(parseMessage(bytes), question)).to.deep.equal({ data: [], aliases: 1, loop: false });
  });
});

describe('types', () => {
  it('have names and numbers', () => {
    expect([
      typeNumber('aaaa'),
      typeNumber('HTTPS'),
      typeNumber('TYPE65280'),
      typeNumber('TYPE65536'),
      typeNumber('toString'),
    ]).to.deep.equal([28, 65, 65280, undefined, undefined]);
    expect([typeName(28), typeName(65280)]).to.deep.equal(['AAAA', 'TYPE65280']);
  });
});

describe('normalizeData', () => {
  const gives = (type: string, text: string, want: string) =>
    it(`gives ${type} ${text}`, () => expect(normalizeData(type, text)).to.equal(want));
  gives('A', '10.0.0.1', '10.0.0.1');
  gives('AAAA', '2001:DB8:0:0::1', '2001:db8::1');
  gives('CNAME', 'Target.Example', 'target.example.');
  gives('MX', '10  Mail.example.', '10 mail.example.');
  gives('TXT', 'As It Is', 'As It Is');
});
