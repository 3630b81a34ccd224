import { expect } from 'chai';
import { readErrorMessage, readPartialSuccess } from '#otlp';
import { OTLP } from '../support/otlp.ts';
import { encodeMessage } from '../support/protobuf.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json; charset=utf-8';
const response = (partialSuccess: Record<string, unknown>) =>
  encodeMessage(OTLP, 'ExportMetricsServiceResponse', { partialSuccess });

describe('readPartialSuccess', () => {
  const reads = (title: string, body: Buffer | string, type: string, want: unknown) =>
    it(title, () => expect(readPartialSuccess(Buffer.from(body), type)).to.deep.equal(want));

  reads('gives nothing for an empty answer', '', PROTOBUF, undefined);
  reads('gives nothing for an answer without partial success', '{}', JSON_TYPE, undefined);
  reads(
    'gives nothing for a partial success that says nothing',
    response({ rejectedDataPoints: '0' }),
    PROTOBUF,
    undefined,
  );
  reads('reads protobuf', response({ rejectedDataPoints: '7', errorMessage: 'too old' }), PROTOBUF, {
    rejected: 7,
    message: 'too old',
  });
  reads(
    'reads JSON, with the count as text or number',
    '{"partialSuccess":{"rejectedDataPoints":"7","errorMessage":"too old"},"later":1}',
    JSON_TYPE,
    { rejected: 7, message: 'too old' },
  );
  reads('reads a number', '{"partialSuccess":{"rejectedDataPoints":7}}', JSON_TYPE, { rejected: 7, message: '' });
  reads('reads a warning alone', response({ errorMessage: 'slow down' }), PROTOBUF, {
    rejected: 0,
    message: 'slow down',
  });
  reads('takes a negative count for none', response({ rejectedDataPoints: '-1' }), PROTOBUF, undefined);
  reads('gives nothing for what is neither', '<html>', JSON_TYPE, undefined);
  reads('gives nothing for a message that ends early', Buffer.from([0x0a, 0x20, 0x08]), PROTOBUF, undefined);
  reads('survives a prototype key', '{"partialSuccess":{"__proto__":{"errorMessage":"x"}}}', JSON_TYPE, undefined);

  it('answers to noise without a crash', () => {
    let seed = 42;
    const next = () => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed;
    };
    const good = response({ rejectedDataPoints: '7', errorMessage: 'too old' });
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(good);
      for (let i = next() % 4; i >= 0; i--) bytes[next() % bytes.length] = next() & 255;
      const cut = bytes.subarray(0, next() % (bytes.length + 1));
      for (const type of [PROTOBUF, JSON_TYPE]) {
        const got = readPartialSuccess(cut, type);
        if (got) expect(got.rejected).to.be.at.least(0);
        expect(readErrorMessage(cut, type)).to.be.a('string');
      }
    }
  });
});

describe('readErrorMessage', () => {
  const STATUS = { Status: { 1: { name: 'code', type: 'int32' }, 2: { name: 'message', type: 'string' } } };
  const reads = (title: string, body: Buffer | string, type: string | undefined, want: string) =>
    it(title, () => expect(readErrorMessage(Buffer.from(body), type)).to.equal(want));

  reads(
    'reads a protobuf Status',
    encodeMessage(STATUS, 'Status', { code: 3, message: 'bad data' }),
    PROTOBUF,
    'bad data',
  );
  reads('reads a JSON Status', '{"code":3,"message":"bad data"}', JSON_TYPE, 'bad data');
  reads('gives other JSON as it is', '{"error":"bad"}', JSON_TYPE, '{"error":"bad"}');
  reads('gives plain text', 'no such tenant\n', 'text/plain', 'no such tenant');
  reads('gives text without a type', 'nope', undefined, 'nope');
  reads('gives nothing for nothing', '', undefined, '');
});
