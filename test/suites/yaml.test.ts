/** yaml/yaml-test-suite against the loader's reading of YAML. What is not held is listed, with reasons, and checked both ways. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { plainOf } from '../../src/config/node.ts';
import { parseYaml } from '../../src/config/yaml.ts';
import { suite } from '../support/suites.ts';

const yaml = suite('yaml');
const FOLDER = yaml.path('src');

interface Case {
  id: string;
  name: string;
  yaml: string;
  fail: boolean;
  json: string | undefined;
}

/** A file has several cases; each inherits what the one before says of itself. */
function casesOf(file: string): Case[] {
  const { root, issues } = parseYaml(readFileSync(`${FOLDER}/${file}`, 'utf8'), file);
  if (!root || issues.length) throw new Error(`cannot read ${file}: ${issues[0]?.message}`);
  const rows = plainOf(root) as Record<string, unknown>[];
  let name = '';
  return rows.map((row, i) => {
    name = (row.name as string) ?? name;
    return {
      id: file.replace('.yaml', '') + (rows.length > 1 ? `-${i}` : ''),
      name,
      yaml: visible(row.yaml as string),
      fail: row.fail === true,
      json: row.json as string | undefined,
    };
  });
}

/** The suite writes blanks, tabs and line ends as signs that can be seen. */
function visible(text: string): string {
  return text
    .replace(/␣/g, ' ')
    .replace(/—*»/g, '\t')
    .replace(/⇔/g, '\uFEFF')
    .replace(/↵/g, '')
    .replace(/←/g, '\r')
    .replace(/∎\n$/, '');
}

function hold({ yaml: text, fail, json }: Case): void {
  const { root, issues } = parseYaml(text, 'case.yaml');
  if (fail) {
    expect(issues).to.not.deep.equal([]);
    return;
  }
  expect(issues).to.deep.equal([]);
  if (json === undefined || json === null) return;
  const want = json.trim() === '' ? null : JSON.parse(json);
  expect(root === undefined ? null : JSON.parse(JSON.stringify(plainOf(root)))).to.deep.equal(want);
}

describe('the yaml suite', () => {
  const cases = readdirSync(FOLDER).flatMap(casesOf);

  it('is there, with all its cases', () => expect(cases.length).to.be.at.least(400));

  for (const one of cases) yaml.holds(one.id, () => hold(one));
  yaml.listIsCurrent();
});
