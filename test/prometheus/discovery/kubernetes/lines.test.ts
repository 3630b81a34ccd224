import { expect } from 'chai';
import { LongLineError, linesOf } from '../../../../src/prometheus/discovery/kubernetes/lines.ts';
import { random } from '../../../support/random.ts';

async function* pieces(...texts: (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

async function all(stream: AsyncIterable<Buffer>, limit = 1000): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(stream, limit)) lines.push(line);
  return lines;
}

describe('prometheus/discovery/kubernetes lines', () => {
  const reads = (title: string, texts: string[], want: string[]) =>
    it(`reads ${title}`, async () => {
      expect(await all(pieces(...texts))).to.deep.equal(want);
    });
  reads('lines in one piece', ['a\nb\n\nc\n'], ['a', 'b', '', 'c']);
  reads('a line in many pieces', ['a', 'b', 'c\nd', '\n'], ['abc', 'd']);
  reads('nothing of a line that was cut off', ['a\nb'], ['a']);
  reads('nothing', [], []);

  it('reads lines wherever they are cut, also within a character', async () => {
    const next = random(1);
    const lines = Array.from({ length: 200 }, (_, i) => 'größe-🐙'.repeat(i % 40));
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    for (let round = 0; round < 20; round++) {
      const cut: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = at + 1 + Math.floor(next() * (round < 10 ? 3 : 3000));
        cut.push(bytes.subarray(at, end));
        at = end;
      }
      expect(await all(pieces(...cut), 10_000)).to.deep.equal(lines);
    }
  });

  it('refuses a line that is too long, in one piece or in many', async () => {
    for (const texts of [[`${'x'.repeat(1001)}\n`], Array.from({ length: 1001 }, () => 'x')]) {
      const error = await all(pieces(...texts)).catch((thrown) => thrown);
      expect(error).to.be.instanceOf(LongLineError);
    }
    expect(await all(pieces(`${'x'.repeat(1000)}\n`))).to.have.length(1);
  });
});
