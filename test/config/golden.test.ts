/**
 * test/golden/config/<case>.yaml is a broken configuration, <case>.txt its exact report. The first lines of a case may say
 * `# env: NAME=value`, `# set: key=value`, `# config: another source`, `# components: built in`; `\n` is a new line there.
 * UPDATE_GOLDEN=1 writes the reports anew: read the difference.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { components } from '../../src/components.ts';
import { loadConfig } from '../../src/config/load.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { reportOf, testComponents } from '../support/config.ts';

const FOLDER = resolve(import.meta.dirname, '../golden/config');
const update = process.env.UPDATE_GOLDEN === '1';

/** What the leading comments of a case ask for. */
function headOf(text: string): { env: Record<string, string>; sets: string[]; configs: string[]; builtIn: boolean } {
  const head: Record<string, string[]> = { env: [], set: [], config: [], components: [] };
  for (const line of text.split('\n')) {
    const said = /^# (env|set|config|components): (.*)$/.exec(line);
    if (!said) break;
    head[said[1]!]!.push(said[2]!.replaceAll('\\n', '\n'));
  }
  const env = Object.fromEntries(head.env!.map((pair) => [pair.split('=')[0]!, pair.slice(pair.indexOf('=') + 1)]));
  return { env, sets: head.set!, configs: head.config!, builtIn: head.components!.includes('built in') };
}

async function reportFor(file: string): Promise<string> {
  const { env, sets, configs, builtIn } = headOf(readFileSync(join(FOLDER, file), 'utf8'));
  const readFile = async (path: string) => readFileSync(join(FOLDER, path), 'utf8');
  const loaded = await loadConfig([file, ...configs], sets, { env, readFile });
  return reportOf(await resolveConfig(loaded, builtIn ? components : testComponents));
}

describe('a broken configuration', () => {
  const cases = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
  const reports = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));

  it('is there eighty times and more, each with its report', () => {
    expect(reports.length).to.be.at.least(80);
    if (!update) expect(reports).to.deep.equal(cases.map((name) => name.replace('.yaml', '.txt')));
  });

  for (const file of cases) {
    it(`is reported exactly: ${file}`, async () => {
      const got = await reportFor(file);
      const golden = join(FOLDER, file.replace('.yaml', '.txt'));
      if (update) writeFileSync(golden, got);
      expect(got).to.equal(readFileSync(golden, 'utf8'));
      expect(got, 'a case is broken').to.match(/^(?!.*warning: ).*\S/m);
    });
  }
});
