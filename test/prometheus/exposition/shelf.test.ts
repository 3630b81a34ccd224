import { expect } from 'chai';
import { createPageParser, type ExpositionFormat, PlanShelf } from '#prometheus';
import { expectSame, mutate } from '../../support/pages.ts';
import { random } from '../../support/random.ts';

const page = (...lines: string[]) => Buffer.from(`# HELP a Some.\n# TYPE a counter\n${lines.join('\n')}\n`);
const pair = () => {
  const shelf = new PlanShelf();
  return [createPageParser({ format: 'text' }, shelf), createPageParser({ format: 'text' }, shelf)] as const;
};

describe('parsers with a shelf in common', () => {
  it('read pages that differ in their numbers by one plan', () => {
    const [a, b] = pair();
    const first = a.parse(page('a{x="1"} 1', 'a{x="2"} 2'));
    const second = b.parse(page('a{x="1"} 30', 'a{x="2"} 4.5'));
    expect(second.layout).to.equal(first.layout);
    expect([...second.values]).to.deep.equal([30, 4.5]);
  });

  it('come together again when their pages change alike', () => {
    const [a, b] = pair();
    for (const parser of [a, b]) parser.parse(page('a{x="1"} 1'));
    const changed = a.parse(page('a{x="1"} 1', 'a{x="2"} 2'));
    expect(b.parse(page('a{x="1"} 7', 'a{x="2"} 8')).layout).to.equal(changed.layout);
  });

  it('share the samples that their pages have in common', () => {
    const [a, b] = pair();
    const first = a.parse(page('a{x="1"} 1', 'a{pod="one"} 1', 'a{x="2"} 2'));
    const second = b.parse(page('a{x="1"} 1', 'a{pod="two"} 1', 'a{x="2"} 2'));
    const common = second.layout.samples.filter((sample) => first.layout.samples.includes(sample));
    expect(common).to.have.length(2);
    expect(second.layout).not.to.equal(first.layout);
  });

  it('go on alone once a page is another', () => {
    const [a, b] = pair();
    const { layout } = a.parse(page('a{x="1"} 1'));
    b.parse(page('a{x="1"} 1'));
    b.parse(page('a{y="1"} 1'));
    expect(a.parse(page('a{x="1"} 2')).layout).to.equal(layout);
  });

  it('do not take a page for what other options make of it', () => {
    const shelf = new PlanShelf();
    const body = Buffer.from('# TYPE s summary\ns{quantile="1"} 2\n');
    const usual = createPageParser({ format: 'text' }, shelf).parse(body);
    const kept = createPageParser({ format: 'text', keepBounds: true }, shelf).parse(body);
    expect(usual.layout.samples[0]!.labels).to.include('1.0');
    expect(kept.layout.samples[0]!.labels).to.include('1');
  });

  for (const [format, seed] of [
    ['text', '# TYPE a counter\na{x="1"} 1\na{x="2"} 2 1700000000000\nb 3\n'],
    ['openmetrics', '# TYPE a counter\na_total{x="1"} 1 # {t="u"} 2\na_total{x="2"} 2\n# TYPE b gauge\nb 3\n# EOF\n'],
  ] as [ExpositionFormat, string][]) {
    it(`read mutated pages as one without memory does: ${format}`, () => {
      const rnd = random(17);
      const options = { format, exemplars: true };
      const shelf = new PlanShelf();
      const parsers = Array.from({ length: 4 }, () => createPageParser(options, shelf));
      let body: Buffer = Buffer.from(seed);
      let good = 0;
      for (let i = 0; i < 1500; i++) {
        const next = mutate(rnd, i % 5 === 0 ? Buffer.from(seed) : body);
        const ok = expectSame(parsers[Math.floor(rnd() * 4)]!, next, options);
        if (ok) good++;
        body = ok && next.length < 1500 ? next : Buffer.from(seed);
      }
      expect(good).to.be.above(300);
    });
  }
});
