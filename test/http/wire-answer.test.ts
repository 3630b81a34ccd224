import http from 'node:http';
import { Duplex } from 'node:stream';
import { expect } from 'chai';
import { AnswerReader } from '../../src/http/wire-answer.ts';
import { random } from '../support/random.ts';

const LIMIT = 200;

interface Read {
  status: number;
  body: string;
  reusable: boolean;
}

/** What the reader makes of these pieces; `ended`: the connection ends behind them. An Error when it refuses, nothing when more is to come. */
function read(pieces: readonly Buffer[], ended = false, method = 'GET'): Read | Error | undefined {
  const reader = new AnswerReader(method, () => ({ maxBody: LIMIT, truncate: false }));
  try {
    for (const [i, piece] of pieces.entries()) {
      if (!reader.push(piece)) continue;
      expect(i, 'no piece is left over').to.equal(pieces.length - 1);
      return taken(reader);
    }
    return ended && reader.end() ? taken(reader) : undefined;
  } catch (error) {
    return error as Error;
  }
}

const taken = (reader: AnswerReader): Read => ({
  status: reader.head!.status,
  body: reader.body.toString('latin1'),
  reusable: reader.reusable,
});
const bytes = (text: string) => Buffer.from(text, 'latin1');
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

describe('the reader of HTTP answers', () => {
  describe('takes', () => {
    const takes = (what: string, text: string, body: string, reusable = true, method = 'GET') =>
      it(`${what}, cut anywhere, and nothing before its end`, () => {
        const whole = bytes(text);
        const want = read([whole], !reusable, method);
        expect(want).to.include({ body, reusable });
        for (let cut = 1; cut < whole.length; cut++) {
          const pieces = [whole.subarray(0, cut), whole.subarray(cut)];
          expect(read(pieces, !reusable, method), `cut at ${cut}`).to.deep.equal(want);
          if (reusable) expect(read([pieces[0]!], true, method), `ended at ${cut}`).to.equal(undefined);
        }
        const single = [...whole].map((byte) => Buffer.from([byte]));
        expect(read(single, !reusable, method)).to.deep.equal(want);
      });
    takes('a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello');
    takes('no body', 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', '');
    takes('chunks', `${CHUNKED}5\r\nhello\r\n00a;x="a\\"b";y=z;q\r\n0123456789\r\n0\r\n\r\n`, 'hello0123456789');
    takes('chunks with a trailer', `${CHUNKED}1\r\nx\r\n000\r\nX-Sum: 1\r\n\r\n`, 'x');
    takes('interim answers', `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(8)}HTTP/1.1 204 No Content\r\n\r\n`, '');
    takes('what ends with the connection', 'HTTP/1.1 200 OK\r\n\r\nall the rest', 'all the rest', false);
    takes('HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 'ok', false);
    takes('HTTP/1.0 kept alive', 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok', 'ok');
    takes('an answer to HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', '', true, 'HEAD');
    takes('a 304 that tells a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', '');
    takes('a closing one', 'HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok', 'ok', false);
  });

  it('joins headers of one name, trims blanks, and takes any byte but control characters in a value', () => {
    const reader = new AnswerReader('GET', () => ({ maxBody: 10, truncate: false }));
    reader.push(bytes('HTTP/1.1 200 \xe4\r\nA: \t1 \r\na:\r\nA:2\t3\r\n__proto__: \xff\r\nContent-Length: 0\r\n\r\n'));
    expect({ ...reader.head!.headers }).to.deep.equal({
      ...{ a: '1, , 2\t3', 'content-length': '0' },
      ['__proto__']: '\xff',
    });
  });

  describe('refuses', () => {
    const refuses = (what: string, text: string, says: RegExp) =>
      it(what, () => {
        const got = read([bytes(text)]);
        expect(got).to.be.an('error');
        expect((got as Error).message).to.match(says);
        // In whatever pieces it comes, and nobody waits for more of it.
        expect(read([...bytes(text)].map((byte) => Buffer.from([byte])))).to.be.an('error');
      });
    const head = (lines: string) => `HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`;
    refuses('another protocol', 'SSH-2.0-OpenSSH_9.6\r\n', /Expected HTTP\/1.1/);
    refuses('HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n', /Expected HTTP\/1.1/);
    refuses('an early line', '\r\nHTTP/1.1 200 OK\r\n\r\n', /Expected HTTP\/1.1|does not end/);
    refuses('a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', /Expected HTTP\/1.1/);
    refuses('a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', /Expected HTTP\/1.1/);
    refuses('status 099', 'HTTP/1.1 099 OK\r\n\r\n', /Expected HTTP\/1.1/);
    refuses('a switch of protocols', 'HTTP/1.1 101 x\r\nUpgrade: x\r\n\r\n', /switched/);
    refuses('a ninth interim answer', 'HTTP/1.1 103 x\r\n\r\n'.repeat(9), /interim/);
    refuses('lines that end with LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', /CR and LF/);
    refuses('a bare LF in a value', head('A: b\nContent-Length: 0'), /control|CR and LF/);
    refuses('a bare CR in a value', head('A: b\rContent-Length: 0'), /control|CR and LF/);
    refuses('NUL in a value', head('A: b\0c'), /control/);
    refuses('a folded line', head('A: b\r\n c'), /no valid name/);
    refuses('a blank before the colon', head('Content-Length : 0'), /no valid name/);
    refuses('a header without a name', head(': x'), /no valid name/);
    refuses('a header without a colon', head('x'), /no valid name/);
    refuses('two lengths', head('Content-Length: 0\r\nContent-Length: 1'), /more than one Content-Length/);
    refuses('the same length twice', head('Content-Length: 0\r\ncontent-length: 0'), /more than one Content-Length/);
    refuses('a list of lengths', head('Content-Length: 0, 0'), /invalid Content-Length/);
    for (const odd of ['+1', '-1', '1 1', '0x1', '1e1', '', '1.0', '9'.repeat(16), '١']) {
      refuses(`the length ${JSON.stringify(odd)}`, head(`Content-Length: ${odd}`), /invalid Content-Length|control/);
    }
    refuses('length and chunks', head('Content-Length: 0\r\nTransfer-Encoding: chunked'), /both Content-Length/);
    refuses('chunks and length', head('Transfer-Encoding: chunked\r\nContent-Length: 0'), /both Content-Length/);
    for (const coding of ['gzip, chunked', 'chunked, chunked', 'identity', 'xchunked', '', 'chunked;x', '"chunked"']) {
      refuses(`the coding ${JSON.stringify(coding)}`, head(`Transfer-Encoding: ${coding}`), /Transfer-Encoding/);
    }
    const twice = head('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked');
    refuses('the coding twice', twice, /Transfer-Encoding/);
    const old = 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    refuses('chunks over HTTP/1.0', old, /Transfer-Encoding/);
    for (const size of [
      '',
      ' 1',
      '1 ',
      'g',
      '0x1',
      '-1',
      '+1',
      '1;',
      '1;=x',
      '1;a="',
      '1;a=b c',
      '1\r',
      '12345678901234',
    ]) {
      refuses(`the chunk size ${JSON.stringify(size)}`, `${CHUNKED}${size}\r\nx`, /invalid chunk size/);
    }
    refuses('a chunk that ends with LF', `${CHUNKED}1\nx\n0\n\n`, /CR and LF/);
    refuses('a chunk longer than it says', `${CHUNKED}1\r\nxy\r\n0\r\n\r\n`, /longer than it says/);
    refuses('bytes behind a chunk', `${CHUNKED}1\r\nx\n`, /CR and LF/);
    refuses('a trailer that is none', `${CHUNKED}0\r\nx y: z\r\n\r\n`, /trailer/);
    refuses('an endless head', `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(11_000)}`, /Header overflow/);
    refuses('an endless chunk line', `${CHUNKED}1;${'a'.repeat(5000)}`, /more than 4096 bytes/);
    refuses('endless extensions', `${CHUNKED}${`1;${'a'.repeat(4000)}\r\nx\r\n`.repeat(17)}`, /extensions/);
    refuses('endless trailers', `${CHUNKED}0\r\n${'A: b\r\n'.repeat(17_000)}`, /trailers/);
    refuses('a length beyond the limit', head('Content-Length: 201'), /larger than 200 bytes/);
    refuses('chunks beyond the limit', `${CHUNKED}c9\r\n${'x'.repeat(201)}`, /larger than 200 bytes/);
    refuses('an endless body', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(201)}`, /larger than 200 bytes/);
  });

  it('never uses a connection again on which more came than the answer', () => {
    for (const more of ['\r\n', 'HTTP/1.1 200 OK\r\n', '\0']) {
      const want = { status: 200, body: 'ok', reusable: false };
      expect(read([bytes(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${more}`)])).to.deep.equal(want);
      expect(read([bytes(`${CHUNKED}2\r\nok\r\n0\r\n\r\n${more}`)])).to.deep.equal(want);
      const closing = bytes(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok${more}`);
      expect(read([closing])).to.be.an('error');
    }
  });

  it('keeps no more of a body than it is allowed to, whatever length it claims', () => {
    for (const head of ['HTTP/1.1 500 x\r\n\r\n', 'HTTP/1.1 500 x\r\nContent-Length: 900000000000\r\n\r\n']) {
      const reader = new AnswerReader('GET', () => ({ maxBody: 10, truncate: true }));
      expect(reader.push(bytes(`${head}123456`))).to.equal(false);
      expect(reader.push(bytes('789012'))).to.equal(true);
      expect([reader.body.toString(), reader.truncated, reader.reusable]).to.deep.equal(['1234567890', true, false]);
    }
  });

  /** What Node's own parser takes these bytes for, and the connection's end behind them. */
  function byNode(raw: Buffer): Promise<{ status: number; body: string } | undefined> {
    return new Promise((resolve) => {
      const wire = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      const request = http.request({ createConnection: () => wire, method: 'GET' });
      let answered = false;
      request.on('error', () => resolve(undefined)).on('close', () => answered || resolve(undefined));
      request.on('response', (response) => {
        answered = true;
        const parts: Buffer[] = [];
        response.on('data', (part) => parts.push(part)).on('error', () => resolve(undefined));
        response.on('close', () => {
          const body = Buffer.concat(parts).toString('latin1');
          resolve(response.complete ? { status: response.statusCode!, body } : undefined);
        });
      });
      request.on('socket', () => {
        wire.push(raw);
        wire.push(null);
      });
      request.end();
    });
  }

  it('takes nothing of 3000 mutated answers that Node would refuse, and the same where both take it', async function () {
    this.timeout(60_000);
    const rnd = random(2026);
    const seeds = [
      'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello',
      `${CHUNKED}5;a=b\r\nhello\r\n3\r\nxyz\r\n0\r\nX: y\r\n\r\n`,
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\nrest',
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok',
    ];
    const bits = [
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      ':',
      ';',
      '0',
      '1',
      'f',
      '\0',
      '\x7f',
      '\xff',
      ',',
      '"',
      'chunked',
      '-',
    ];
    bits.push('Transfer-Encoding: chunked\r\n', 'Content-Length: 5\r\n', 'HTTP/1.1 200 OK\r\n\r\n');
    const pick = <T>(list: readonly T[]): T => list[Math.floor(rnd() * list.length)]!;
    let both = 0;
    for (let i = 0; i < 3000; i++) {
      let text = pick(seeds);
      for (let changes = 1 + Math.floor(rnd() * 2); changes > 0; changes--) {
        const at = Math.floor(rnd() * (text.length + 1));
        text = text.slice(0, at) + (rnd() < 0.7 ? pick(bits) : '') + text.slice(at + Math.floor(rnd() * 3));
      }
      const ours = read([bytes(text)], true);
      if (ours === undefined || ours instanceof Error) continue;
      const theirs = await byNode(bytes(text));
      // Bytes behind an answer make Node refuse it, where we, as Go, take it and close the connection.
      const inFull = (_: unknown, n: number) => read([bytes(text.slice(0, n + 1))]);
      if (!theirs && Array.from(text, inFull).some((part) => part && 'reusable' in part && part.reusable)) continue;
      expect(theirs, JSON.stringify(text)).to.deep.equal({ status: ours.status, body: ours.body });
      both++;
    }
    expect(both).to.be.above(300);
  });
});
