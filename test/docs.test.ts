import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { generate } from '../scripts/docs.ts';
import { fillMarkers, metricTable, optionTable } from '../scripts/tables.ts';
import { components } from '../src/components.ts';
import { type Components, KINDS } from '../src/config/factories.ts';
import { readConfig } from '../src/config/read.ts';
import { reportOf, resolveText, testComponents } from './support/config.ts';

const SECTIONS = ['Name', 'Description', 'Configuration', 'Metrics', 'Examples', 'Notes'];

/** Those of the product, and a `nop` of each kind for what an example leaves out. */
const withNop: Components = {
  receiver: { ...components.receiver, nop: testComponents.receiver.nop! },
  processor: { ...components.processor, nop: testComponents.processor.nop! },
  exporter: { ...components.exporter, nop: testComponents.exporter.nop! },
  extension: { ...components.extension, nop: testComponents.extension.nop! },
};

/** An example may be only its component's section: the rest is filled in. */
function completed(text: string): string {
  const has = (section: string) => new RegExp(`^${section}:`, 'm').test(text);
  const ids = (section: string) => {
    const body = new RegExp(`^${section}:\\n((?:[ #].*\\n|\\n)*)`, 'm').exec(text)?.[1] ?? '';
    return [...body.matchAll(/^ {2}([a-z]\w*(?:\/[^:\s]+)?):/gm)].map((match) => match[1]!);
  };
  const of = (section: string) => (has(section) ? ids(section) : ['nop']).join(', ');
  const parts = [text.endsWith('\n') ? text : `${text}\n`];
  if (!has('receivers')) parts.push('receivers: {nop: }\n');
  if (!has('exporters')) parts.push('exporters: {nop: }\n');
  if (!/^ {2}pipelines:/m.test(text)) {
    const processors = has('processors') ? `processors: [${of('processors')}], ` : '';
    const pipelines = `{metrics: {receivers: [${of('receivers')}], ${processors}exporters: [${of('exporters')}]}}`;
    const extensions = has('extensions') ? `  extensions: [${of('extensions')}]\n` : '';
    if (has('service')) return parts.join('').replace(/^service:\n/m, `service:\n  pipelines: ${pipelines}\n`);
    parts.push(`service:\n${extensions}  pipelines: ${pipelines}\n`);
  }
  return parts.join('');
}

/** Variables that an example expects to be set. */
const environment = (text: string) =>
  Object.fromEntries([...text.matchAll(/\$\{(?:env:)?([A-Za-z_]\w*)\}/g)].map((match) => [match[1]!, 'something']));

const yamlBlocks = (markdown: string) =>
  [...markdown.matchAll(/^```ya?ml\n([\s\S]*?)^```$/gm)].map((match) => match[1]!);

async function faultsOf(text: string): Promise<string> {
  const whole = completed(text);
  return reportOf({ ...(await resolveText(whole, { components: withNop, env: environment(whole) })), warnings: [] });
}

describe('generated documentation', () => {
  it('is fresh', async () => {
    const stale = (await generate()).filter(({ have, want }) => have !== want);
    expect(stale.map(({ path, problem }) => `${path} ${problem ?? 'is stale: run npm run docs'}`)).to.deep.equal([]);
  });

  it('fills the tables between its markers and leaves the rest', () => {
    const text = 'a\n<!-- generated:options -->\nold\n<!-- /generated -->\nb $1\n';
    const filled = fillMarkers(text, { options: 'new $1 $&' }, ['options']);
    expect(filled).to.equal('a\n<!-- generated:options -->\n\nnew $1 $&\n\n<!-- /generated -->\nb $1\n');
    expect(fillMarkers(filled as string, { options: 'new $1 $&' }, [])).to.equal(filled);
  });

  it('says which markers are missing or know no table', () => {
    expect(fillMarkers('', {}, ['options']))
      .to.have.property('problem')
      .that.includes('generated:options');
    const text = '<!-- generated:colours -->\n<!-- /generated -->\n';
    expect(fillMarkers(text, {}, []))
      .to.have.property('problem')
      .that.includes('generated:colours');
  });

  it('has a table of options with a bar in a text escaped', () => {
    const rows = [{ key: 'a.b', type: '`x` `y`', default: '"10s"', doc: 'one | two' }];
    expect(optionTable(rows).split('\n')[2]).to.equal('| `a.b`  | `x` `y` | `10s`   | one \\| two   |');
    expect(optionTable([])).to.equal('It has no options.');
  });

  it('has a table of metrics with their labels', () => {
    const metrics = [{ name: 'up', type: 'gauge', help: 'Whether.', labels: ['job', 'instance'] }] as const;
    expect(metricTable(metrics)).to.include('| `up`   | gauge | `job`, `instance` | Whether.     |');
  });
});

describe('a README', () => {
  for (const kind of KINDS) {
    for (const type of Object.keys(components[kind])) {
      const path = `${kind}s/${type}/README.md`;
      it(`${path} has its sections, in order`, () => {
        const heads = [...readFileSync(path, 'utf8').matchAll(/^## (.*)$/gm)].map((match) => match[1]!);
        expect(heads.filter((head) => SECTIONS.includes(head))).to.deep.equal(SECTIONS);
      });

      it(`${path} has examples, and each is a sound configuration`, async () => {
        const blocks = yamlBlocks(readFileSync(path, 'utf8'));
        expect(blocks).to.not.deep.equal([]);
        for (const block of blocks) expect(await faultsOf(block), block).to.equal('');
      });
    }
  }

  it('is in every component folder, and every folder is in the list', async () => {
    for (const kind of KINDS) {
      const folders = (await readdir(`${kind}s`, { withFileTypes: true })).filter((entry) => entry.isDirectory());
      expect(folders.map(({ name }) => name).sort()).to.deep.equal(Object.keys(components[kind]).sort());
    }
  });
});

describe('a shipped configuration', () => {
  it('is sound, and names the schema for editors', async () => {
    const files = (await readdir('config')).filter((name) => name.endsWith('.yaml'));
    expect(files).to.include('default.yaml');
    for (const file of files) {
      const text = readFileSync(`config/${file}`, 'utf8');
      expect(text.split('\n')[0], file).to.equal('# yaml-language-server: $schema=./schema.json');
      const { report } = await readConfig(
        { configs: [`config/${file}`], sets: [], env: environment(text) },
        components,
      );
      expect(report, file).to.equal('');
    }
  });

  it('is what the manifests for Kubernetes run', async () => {
    for (const [manifest, config] of [
      ['daemonset', 'kubernetes-node'],
      ['deployment', 'kubernetes-cluster'],
    ]) {
      const documents = parseAllDocuments(readFileSync(`deploy/kubernetes/${manifest}.yaml`, 'utf8'));
      const map = documents.map((one) => one.toJS()).find(({ kind }) => kind === 'ConfigMap');
      const [, , ...text] = readFileSync(`config/${config}.yaml`, 'utf8').split('\n');
      expect(map.data['agent.yaml']).to.equal(text.join('\n'));
    }
  });

  it('stands in the README of the project, sound too', async () => {
    for (const block of yamlBlocks(readFileSync('README.md', 'utf8'))) {
      expect(await faultsOf(block), block).to.equal('');
    }
  });
});
