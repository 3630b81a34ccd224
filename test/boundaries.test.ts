import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const KINDS = ['receivers', 'processors', 'exporters', 'extensions'];

interface Import {
  file: string;
  from: string;
}

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

const files = ['src', ...KINDS].flatMap(sources);
const textOf = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
const imports: Import[] = files.flatMap((file) =>
  [...textOf.get(file)!.matchAll(/(?<!')\b(?:from|import|import\()\s*'([^']+)'/g)].map((m) => ({ file, from: m[1]! })),
);

/** `receivers/cgroup` for a component's file, `src/http` or `src` for the core's. */
function home(file: string): string {
  const parts = file.split('/');
  return parts.slice(0, parts.length > 2 ? 2 : 1).join('/');
}
const target = ({ file, from }: Import) =>
  normalize(join(dirname(file), from))
    .split(sep)
    .join('/');
const isComponent = (path: string) => KINDS.includes(path.split('/')[0]!);

/** Each npm package has one home that may import it. */
const OWNERS: Record<string, string[]> = {
  yaml: ['src/config'],
  re2js: ['src/prometheus'],
  '@opentelemetry/api': ['src/telemetry'],
  '@opentelemetry/resources': ['src/telemetry'],
  '@opentelemetry/sdk-metrics': ['src/telemetry'],
  '@opentelemetry/exporter-prometheus': ['src/telemetry'],
  '@opentelemetry/exporter-metrics-otlp-http': ['src/telemetry', 'exporters/otlphttp'],
  'dns-packet': ['src/dns'],
};

function offenders(test: (one: Import) => boolean): string[] {
  return imports.filter(test).map(({ file, from }) => `${file} imports ${from}`);
}

function mentions(pattern: RegExp, allowed: string[]): string[] {
  return files.filter((file) => !allowed.includes(file) && pattern.test(withoutComments(textOf.get(file)!)));
}
const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

describe('who may import whom', () => {
  it('a component imports files of its own folder only', () => {
    const bad = (one: Import) =>
      isComponent(one.file) && one.from.startsWith('.') && home(target(one)) !== home(one.file);
    expect(offenders(bad)).to.deep.equal([]);
  });

  it('the core imports no component but in src/components.ts', () => {
    const bad = (one: Import) =>
      !isComponent(one.file) &&
      one.file !== 'src/components.ts' &&
      one.from.startsWith('.') &&
      isComponent(target(one));
    expect(offenders(bad)).to.deep.equal([]);
  });

  it('what has a door in package.json is imported through it from elsewhere', () => {
    const { imports: doors } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      imports: Record<string, string>;
    };
    const homes = new Set(Object.values(doors).map((path) => home(normalize(path))));
    homes.delete('src');
    homes.delete('src/config');
    const bad = (one: Import) =>
      one.from.startsWith('.') && homes.has(home(target(one))) && home(one.file) !== home(target(one));
    expect(offenders(bad)).to.deep.equal([]);
  });

  it('each npm package has one owner', () => {
    const bad = ({ file, from }: Import) => {
      if (/^(\.|#|node:)/.test(from)) return false;
      const name = from.startsWith('@') ? from.split('/').slice(0, 2).join('/') : from.split('/')[0]!;
      return !OWNERS[name]?.includes(home(file));
    };
    expect(offenders(bad)).to.deep.equal([]);
  });

  it('every runtime dependency is used', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(dependencies).length).to.be.at.most(10);
    const used = (name: string) => imports.some(({ from }) => from === name || from.startsWith(`${name}/`));
    expect(Object.keys(dependencies).filter((name) => !used(name))).to.deep.equal([]);
  });

  it('only main touches the process: environment, exit, signals, standard streams', () => {
    expect(
      mentions(/\bprocess\s*\.\s*(env|exit|exitCode|argv|on|once|stdin|stdout|stderr)\b/, ['src/main.ts']),
    ).to.deep.equal([]);
    expect(mentions(/\bconsole\s*\./, [])).to.deep.equal([]);
  });
});
