import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ExpositionError, type ParsedPage, parsePage } from '#prometheus';
import { suite } from '../support/suites.ts';

const openmetrics = suite('openmetrics');

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

  openmetrics.listIsCurrent();
});
