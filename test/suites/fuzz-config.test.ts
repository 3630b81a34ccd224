import { expect } from 'chai';
import { resolveText } from '../support/config.ts';
import { surviveNoise } from '../support/config-noise.ts';
import { cpuTime } from '../support/cpu.ts';

const ROUNDS = 20;
const EACH = 5000;

describe('the configuration, under 100,000 mutations', () => {
  let heap = 0;
  for (let seed = 1; seed <= ROUNDS; seed++) {
    it(`is read or reported, ${EACH} mutations of seed ${seed}, in bounded memory`, async () => {
      const { bad } = await surviveNoise(seed, EACH);
      expect(bad).to.be.above(EACH / 2);
      const used = process.memoryUsage().heapUsed;
      heap ||= used;
      expect(used).to.be.below(heap + 256 * 1024 * 1024);
    });
  }
});

describe('a configuration of up to 1 MiB', () => {
  const endures = (title: string, text: string) =>
    it(`is read or refused within seconds: ${title}`, async () => {
      const began = cpuTime();
      await resolveText(text.slice(0, 1024 * 1024));
      expect(cpuTime() - began).to.be.below(10_000);
    });
  endures('a long list on one line', `a: [${'1, '.repeat(150_000)}1]`);
  endures('a map of many keys', Array.from({ length: 60_000 }, (_, i) => `key${i}: ${i}`).join('\n'));
  endures('many quotes', '"'.repeat(100_000));
  endures('many brackets', '['.repeat(100_000));
  endures('many braces', '{'.repeat(100_000));
  endures('many aliases of nothing', '*a '.repeat(100_000));
  endures('many anchors', '&a '.repeat(20_000));
  endures('one long word', `a: ${'x'.repeat(1_000_000)}`);
  endures('one long line of blanks', `a:${' '.repeat(1_000_000)}b\nc: [`);
  endures('many references', `a: "${'${env:A}'.repeat(900)}"`);
  endures('many opened references', `a: "${'${'.repeat(200_000)}}"`);
  endures('many dollars', `a: "${'$'.repeat(500_000)}{X}"`);
  endures('a long unknown key', `${'k'.repeat(500_000)}: 1`);
  endures(
    'many unknown options',
    `receivers:\n  probe:\n    x: 1${Array.from({ length: 30_000 }, (_, i) => `\n    o${i}: 1`).join('')}`,
  );
});
