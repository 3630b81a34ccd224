import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Discovery, fileDiscovery, type TargetGroup } from '#prometheus';
import { readGroups } from '../../../src/prometheus/discovery/file.ts';
import { globLast } from '../../../src/prometheus/discovery/glob.ts';
import { fakeHost } from '../../support/host.ts';

describe('prometheus/discovery files', () => {
  let folder: string;
  let discovery: Discovery | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnscol-sd-'));
  });
  afterEach(async () => {
    await discovery?.stop();
    rmSync(folder, { recursive: true });
  });

  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  async function discover(...files: string[]) {
    const host = fakeHost();
    const readErrors = host.meter.counter('errors');
    const seen: (readonly TargetGroup[])[] = [];
    discovery = fileDiscovery(
      { files: files.map((file) => join(folder, file)), refresh_interval: 60_000 },
      { clock: host.clock, log: host.log, readErrors },
    );
    await discovery.start((groups) => seen.push(groups));
    return { host, seen, readErrors };
  }
  const addresses = (groups: readonly TargetGroup[]) =>
    groups.flatMap(({ targets }) => targets.map((labels) => labels.get('__address__')));

  it('gives all groups of all files at once, in order', async () => {
    write('b.yml', '- targets: [b:1]\n- targets: [b:2]\n');
    write('a.json', '[{"targets": ["a:1"], "labels": {"x": "1"}}]');
    const { seen } = await discover('*.json', '*.yml');
    expect(seen).to.have.length(1);
    expect(addresses(seen[0]!)).to.deep.equal(['a:1', 'b:1', 'b:2']);
    expect(seen[0]![0]!.labels).to.deep.equal(
      new Map([
        ['x', '1'],
        ['__meta_filepath', join(folder, 'a.json')],
      ]),
    );
  });

  it('says that a file is not there yet, and finds it at the next refresh', async () => {
    const { seen, host } = await discover('none/a.json');
    expect([addresses(seen[0]!), host.logs.at(-1)?.message]).to.deep.equal([[], 'files of targets are not there yet']);
    mkdirSync(join(folder, 'none'));
    write('none/a.json', '[{"targets": ["a:1"]}]');
    while (seen.length === 1) await host.clock.advance(60_000);
    expect(addresses(seen[1]!)).to.deep.equal(['a:1']);
  });

  it('leaves nothing on the clock when it is stopped', async () => {
    const { host } = await discover('*.json');
    await discovery!.stop();
    expect(host.clock.pending).to.equal(0);
  });

  const refuses = (name: string, text: string, message: string | RegExp) =>
    it(`${JSON.stringify(text)} in ${name} is refused`, () => expect(() => readGroups(text, name)).to.throw(message));
  refuses('a.json', '[{"targets": [1]}]', '[0].targets[0]: must be a string, not the number 1');
  refuses('a.json', '[{"target": []}]', '[0].target: is not an option; did you mean targets?');
  refuses('a.json', '[null]', '[0]: is an empty target group');
  refuses('a.json', '[', /JSON/);
  refuses('a.yml', '- targets: a\n', 'a.yml:1:12: [0].targets: must be a list of string, not the string "a"');
  refuses('a.yml', '- targets: [a]\n  labels: {"": x}\n', 'is not a label name');
  refuses('a.yml', 'targets: [a]\n', 'must be a list of map');

  it('YAML may give a number as a label, JSON may not', () => {
    expect(readGroups('- targets: [a]\n  labels: {x: 1.0}\n', 'a.yml')[0]!.labels.get('x')).to.equal('1.0');
    expect(() => readGroups('[{"targets": ["a"], "labels": {"x": 1.0}}]', 'a.json')).to.throw('must be a string');
  });

  const matches = (pattern: string, ...want: string[]) =>
    it(`${pattern} matches ${want.join(', ') || 'nothing'}`, async () => {
      for (const name of ['a.yml', 'ab.yml', 'b.yml', 'a+.yml']) write(name, '');
      const found = await globLast(join(folder, pattern));
      expect(found).to.deep.equal(want.map((name) => join(folder, name)));
    });
  matches('*.yml', 'a+.yml', 'a.yml', 'ab.yml', 'b.yml');
  matches('a*.yml', 'a+.yml', 'a.yml', 'ab.yml');
  matches('?.yml', 'a.yml', 'b.yml');
  matches('[^a].yml', 'b.yml');
  matches('a+*', 'a+.yml');
  matches('none/*.yml');
  matches('[.yml');
});
