import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ExpositionError, type ParsedPage, parsePage } from '#prometheus';
import { suite } from '../support/suites.ts';

const openmetrics = suite('openmetrics');

interface Verdict {
  case: string;
  prometheus_2_42_scrape: boolean;
}

const parse = (strict: boolean, body: Buffer): ParsedPage | undefined => {
  try {
    return parsePage(body, { format: 'openmetrics', strict });
  } catch (error) {
    if (error instanceof ExpositionError) return undefined;
    throw error;
  }
};

describe('the official OpenMetrics suite', () => {
  const names = readdirSync(openmetrics.path('parsers'));

  it('has its 211 cases', () => {
    expect(names).to.have.length(211);
  });

  for (const name of names) {
    const body = readFileSync(openmetrics.path('parsers', name, 'metrics'));
    const { shouldParse } = openmetrics.json<{ shouldParse: boolean }>('parsers', name, 'test.json');

    openmetrics.holds(name, () => {
      expect(parse(true, body) !== undefined).to.equal(shouldParse);
      if (shouldParse) expect(parse(false, body)).to.deep.equal(parse(true, body));
    });
  }

  for (const verdict of openmetrics.json<Verdict[]>('peer-verdicts.json')) {
    openmetrics.holds(`${verdict.case} as a scrape`, () => {
      const body = readFileSync(openmetrics.path('parsers', verdict.case, 'metrics'));
      expect(parse(false, body) !== undefined).to.equal(verdict.prometheus_2_42_scrape);
    });
  }

  openmetrics.listIsCurrent();
});
