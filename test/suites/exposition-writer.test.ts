/** Real and official pages, written again in both formats: valid by the strict rules, and sample by sample the same. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { makeSeries, makeSet } from '#metrics';
import {
  createPageWriter,
  type ExpositionFormat,
  negotiateFormat,
  type PageFormat,
  type ParsedPage,
  parsePage,
} from '#prometheus';
import { suite } from '../support/suites.ts';

const FORMATS: Record<ExpositionFormat, PageFormat> = {
  text: negotiateFormat('text/plain;version=1.0.0;escaping=allow-utf-8', true),
  openmetrics: negotiateFormat('application/openmetrics-text;version=1.0.0;escaping=allow-utf-8', true),
};

async function writtenAgain(page: ParsedPage, format: ExpositionFormat): Promise<ParsedPage> {
  const set = makeSet(page.layout.samples.map(({ family, labels }) => makeSeries(family, labels)));
  const body = await createPageWriter().write([{ snapshot: { set, values: page.values, time: 0 } }], FORMATS[format]);
  return parsePage(body, { format, strict: true });
}

const samplesOf = ({ layout, values }: ParsedPage): string[] =>
  layout.samples.map(({ labels }, i) => `${labels.join('|')} ${values[i]}`).sort();

/** Undefined when the page is not valid, or has a series twice (with other times), which no state has. */
function goodPage(path: string, format: ExpositionFormat): ParsedPage | undefined {
  try {
    const page = parsePage(readFileSync(path), { format, strict: true });
    const names = page.layout.samples.map(({ labels }) => labels.join('|'));
    return new Set(names).size === names.length ? page : undefined;
  } catch {
    return undefined;
  }
}

describe('the exposition writer, given', () => {
  let pages = 0;
  function writes(name: string, path: string, from: ExpositionFormat): void {
    const page = goodPage(path, from);
    if (!page) return;
    pages++;
    for (const to of ['text', 'openmetrics'] as const) {
      it(`${name}, writes the same as ${to}`, async () => {
        expect(samplesOf(await writtenAgain(page, to))).to.deep.equal(samplesOf(page));
      });
    }
  }

  const openMetrics = suite('openmetrics');
  for (const name of readdirSync(openMetrics.path('parsers'))) {
    if (openMetrics.json<{ shouldParse: boolean }>('parsers', name, 'test.json').shouldParse) {
      writes(`openmetrics/${name}`, openMetrics.path('parsers', name, 'metrics'), 'openmetrics');
    }
  }
  const promText = suite('prom-text');
  for (const folder of ['real', 'node_exporter-textfile']) {
    for (const entry of readdirSync(promText.path(folder), { withFileTypes: true, recursive: true })) {
      const path = `${entry.parentPath}/${entry.name}`;
      if (entry.isFile()) writes(path.slice(promText.path().length + 1), path, 'text');
    }
  }

  it('enough pages to matter', () => {
    expect(pages).to.be.at.least(60);
  });
});
