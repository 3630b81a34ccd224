import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { createPageParser, type ExpositionFormat } from '#prometheus';
import { cpuTime } from '../support/cpu.ts';
import { expectSame, mutate } from '../support/pages.ts';
import { random } from '../support/random.ts';
import { suite } from '../support/suites.ts';

const MUTATIONS = 100_000;
const LONGEST = 6000;

const facts = suite('prom-text');
const openmetrics = suite('openmetrics');

/** Real pages are cut after a line, so that most of a mutation's time is not spent on what it did not touch. */
function start(page: Buffer): Buffer {
  return page.length <= LONGEST ? page : page.subarray(0, page.lastIndexOf(10, LONGEST) + 1);
}

const pagesIn = (...parts: string[]): Buffer[] =>
  readdirSync(facts.path(...parts), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => start(readFileSync(facts.path(...parts, entry.name))));

const seeds: [ExpositionFormat, Buffer][] = [
  ...['.', 'netdata-coredns', 'netdata-parser', 'prometheus-textparse', 'expfmt-testdata']
    .flatMap((folder) => pagesIn('real', folder))
    .map((page): [ExpositionFormat, Buffer] => ['text', page]),
  ...pagesIn('fuzz-corpus-expfmt').map((page): [ExpositionFormat, Buffer] => ['text', page]),
  ...readdirSync(openmetrics.path('parsers')).map((name): [ExpositionFormat, Buffer] => [
    'openmetrics',
    readFileSync(openmetrics.path('parsers', name, 'metrics')),
  ]),
];

describe('the exposition parser under fuzz', () => {
  it(`answers ${MUTATIONS} mutated pages with samples or an ExpositionError, the same with and without memory`, function () {
    this.timeout(300_000);
    const rnd = random(2026);
    const each = Math.ceil(MUTATIONS / seeds.length);
    let good = 0;
    let slowest = 0;
    for (const [format, seed] of seeds) {
      const options = { format, exemplars: true };
      const parser = createPageParser(options);
      let page = seed;
      for (let i = 0; i < each; i++) {
        const next = mutate(rnd, i % 4 === 0 ? seed : page);
        const started = cpuTime();
        const ok = expectSame(parser, next, options);
        slowest = Math.max(slowest, cpuTime() - started);
        if (ok) good++;
        // Changes pile up on good pages, which stay short.
        page = ok && next.length < LONGEST * 2 ? next : seed;
      }
    }
    expect(good).to.be.above(MUTATIONS / 4);
    expect(slowest).to.be.below(1000);
  });
});
