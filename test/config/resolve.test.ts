import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { components } from '../../src/components.ts';
import type { Components } from '../../src/config/factories.ts';
import { wholeSchema } from '../../src/config/json-schema.ts';
import { readConfig } from '../../src/config/read.ts';
import { reportOf, resolveText, testComponents } from '../support/config.ts';

const SOUND = `receivers:
  probe/a:
    endpoint: here:53
    interval: 30s
  probe/unused:
    endpoint: there:53
  nop:
processors:
  nop:
  thin/one:
exporters:
  old_sink:
    password: hunter22
    auth: {authenticator: signer}
extensions:
  signer:
  nop:
service:
  extensions: [signer]
  pipelines:
    metrics: {receivers: [probe/a, nop], processors: [thin/one, nop], exporters: [old_sink]}
    metrics/two: {receivers: [probe/a], exporters: [old_sink]}
`;

describe('a resolved configuration', () => {
  it('has what the pipelines use, in the order of the file, with its options read', async () => {
    const resolved = await resolveText(SOUND);
    expect(reportOf(resolved)).to.equal('');
    expect(resolved.receivers.map(({ id, type, kind }) => ({ id, type, kind }))).to.deep.equal([
      { id: 'probe/a', type: 'probe', kind: 'receiver' },
      { id: 'nop', type: 'nop', kind: 'receiver' },
    ]);
    expect(resolved.receivers[0]!.config).to.include({ endpoint: 'here:53', interval: 30_000, count: 1 });
    expect(resolved.exporters.map(({ id, type }) => ({ id, type }))).to.deep.equal([
      { id: 'old_sink', type: 'oldsink' },
    ]);
    expect(resolved.extensions.map(({ id }) => id)).to.deep.equal(['signer']);
  });

  it('has the pipelines, with their processors in the order that was written', async () => {
    const { service } = await resolveText(SOUND);
    expect(service.pipelines).to.deep.equal([
      { id: 'metrics', receivers: ['probe/a', 'nop'], processors: ['thin/one', 'nop'], exporters: ['old_sink'] },
      { id: 'metrics/two', receivers: ['probe/a'], processors: [], exporters: ['old_sink'] },
    ]);
  });

  it('serves its own metrics at localhost:8888, with the names that the Collector has by default', async () => {
    const { readers, level } = (await resolveText(SOUND)).service.telemetry.metrics;
    expect(level).to.equal('normal');
    const page = {
      host: 'localhost',
      port: 8888,
      without_units: true,
      without_type_suffix: true,
      without_scope_info: true,
    };
    expect(readers.map((r) => r.pull?.exporter.prometheus)).to.deep.equal([
      { ...page, with_resource_constant_labels: undefined },
    ]);
  });

  it('takes warning for warn', async () => {
    const { service } = await resolveText(`${SOUND}  telemetry: {logs: {level: Warning}}\n`);
    expect(service.telemetry.logs.level).to.equal('warn');
  });

  it('has none of those names for a reader of its own', async () => {
    const reader = 'readers: [{pull: {exporter: {prometheus: {port: 1234}}}}]';
    const { service } = await resolveText(`${SOUND}  telemetry: {metrics: {${reader}}}\n`);
    expect(service.telemetry.metrics.readers[0]?.pull?.exporter.prometheus).to.include({
      port: 1234,
      without_units: false,
    });
  });

  it('turns an address of before readers into one', async () => {
    const { service } = await resolveText(`${SOUND}  telemetry: {metrics: {address: ":8889"}}\n`);
    const pages = service.telemetry.metrics.readers.map((r) => r.pull?.exporter.prometheus);
    expect(pages).to.have.length(1);
    expect(pages[0]).to.include({ host: '0.0.0.0', port: 8889, without_units: true });
  });

  it('trims ids', async () => {
    const text = SOUND.replace('  nop:\nprocessors', '  "nop / b ":\nprocessors').replace(
      '[probe/a, nop]',
      '[probe/a, "nop/b"]',
    );
    const resolved = await resolveText(text);
    expect(resolved.receivers.map(({ id }) => id)).to.deep.equal(['probe/a', 'nop/b']);
  });

  it('reads components that no pipeline uses, too', async () => {
    const resolved = await resolveText(SOUND.replace('endpoint: there:53', 'endpiont: there:53'));
    expect(resolved.issues.map(({ path }) => path)).to.deep.equal([
      'receivers.probe/unused.endpoint',
      'receivers.probe/unused.endpiont',
    ]);
  });
});

describe('a fingerprint', () => {
  const of = async (text: string) => (await resolveText(text)).receivers[0]!.fingerprint;

  it('is the same for the same options in another order, place and style', async () => {
    const other = SOUND.replace(
      '    endpoint: here:53\n    interval: 30s',
      '    "interval": 30s # same\n\n    endpoint: here:53',
    );
    expect(await of(`# moved\n${other}`)).to.equal(await of(SOUND));
  });

  it('is another for another value, and for a value of another type', async () => {
    const all = await Promise.all(['30s', '31s', '"30s"'].map((v) => of(SOUND.replace('30s', v))));
    expect(all[0]).to.not.equal(all[1]);
    expect(all[0]).to.equal(all[2]);
  });
});

describe('component types', () => {
  const counting = (): { all: Components; loaded: string[] } => {
    const loaded: string[] = [];
    const entries = Object.entries(testComponents).map(([kind, types]) => [
      kind,
      Object.fromEntries(
        Object.entries(types).map(([type, load]) => [
          type,
          () => {
            loaded.push(`${kind} ${type}`);
            return load();
          },
        ]),
      ),
    ]);
    return { all: Object.fromEntries(entries) as Components, loaded };
  };

  it('are loaded only when they are named', async () => {
    const { all, loaded } = counting();
    await resolveText(SOUND.replaceAll('old_sink', 'oldsink'), { components: all });
    expect(loaded).to.include('receiver probe');
    expect(loaded).to.not.include('exporter nop');
  });

  it('are found by an alias without loading the others', async () => {
    const { all, loaded } = counting();
    await resolveText(SOUND, { components: all });
    expect(loaded.filter((name) => name.startsWith('exporter'))).to.deep.equal(['exporter oldsink']);
  });

  it('are warned of where the Collector deprecates the name', async () => {
    const { warnings } = await resolveText(SOUND.replaceAll('old_sink', 'oldsink'));
    expect(warnings.map(({ path, message }) => `${path} ${message}`)).to.deep.equal([
      'exporters.oldsink oldsink is deprecated in the Collector, in favour of old_sink; both work',
    ]);
  });
});

describe('plugins', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dnscol-plugin-'));
    await writeFile(
      join(folder, 'good.mjs'),
      `const config = { typeName: 'map', read: () => ({ hello: 1 }), json: () => ({}) };
       const about = { summary: 'x', stability: 'alpha', config, create: () => ({}) };
       export default [{ kind: 'receiver', type: 'acme', ...about }, { kind: 'exporter', type: 'acme', ...about }];`,
    );
    await writeFile(join(folder, 'none.mjs'), 'export default {};');
    await writeFile(join(folder, 'clash.mjs'), "export { default } from './good.mjs';");
    await writeFile(join(folder, 'throws.mjs'), "throw new Error('out of sorts');");
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const resolveWith = async (...plugins: string[]) => {
    const pipelines = '{metrics: {receivers: [acme], exporters: [acme/b]}}';
    const text = `plugins: ${JSON.stringify(plugins)}\nreceivers: {acme: }\nexporters: {acme/b: }\nservice: {pipelines: ${pipelines}}\n`;
    await writeFile(join(folder, 'agent.yaml'), text);
    const { resolved } = await readConfig({ configs: [join(folder, 'agent.yaml')], sets: [], env: {} }, testComponents);
    return resolved;
  };

  it('bring components, from a path beside the configuration', async () => {
    const resolved = await resolveWith('./good.mjs');
    expect(reportOf(resolved)).to.equal('');
    expect(resolved.receivers[0]).to.deep.include({ id: 'acme', type: 'acme', config: { hello: 1 } });
    expect(resolved.exporters[0]).to.include({ id: 'acme/b' });
  });

  const refuses = (plugins: string[], words: string) =>
    it(`${plugins.join(' and ')} are refused at their place`, async () => {
      const { issues } = await resolveWith(...plugins);
      expect(issues.map(({ path, message }) => `${path}: ${message}`)).to.include(words);
    });
  refuses(['./none.mjs'], 'plugins[0]: cannot be loaded: its default export is not a factory, nor a list of them');
  refuses(['./throws.mjs'], 'plugins[0]: cannot be loaded: out of sorts');
  refuses(['./gone.mjs'], 'plugins[0]: cannot be loaded: there is no such module');
  refuses(['@acme/gone'], 'plugins[0]: cannot be loaded: there is no such module');
  refuses(['./good.mjs', './clash.mjs'], 'plugins[1]: brings the receiver acme, which is there already');
});

describe('the JSON Schema', () => {
  it('describes every component under its names', async () => {
    const schema = JSON.parse(JSON.stringify(await wholeSchema(testComponents)));
    const { patternProperties } = schema.properties.exporters;
    expect(Object.keys(patternProperties)).to.deep.equal(['^nop(/.*)?$', '^(oldsink|old_sink)(/.*)?$']);
  });

  it('lets a reference stand for a number, a bool, a map and a list, with the description kept', async () => {
    const schema = JSON.parse(JSON.stringify(await wholeSchema(testComponents)));
    const probe = schema.properties.receivers.patternProperties['^probe(/.*)?$'].anyOf[0].properties;
    const reference = { $ref: '#/$defs/reference' };
    expect(probe.count).to.deep.equal({
      description: 'How many.',
      default: 1,
      anyOf: [{ type: 'integer', minimum: 1, maximum: 10 }, reference],
    });
    expect(probe.mode.anyOf[1]).to.deep.equal(reference);
    expect(probe.rules.anyOf[0].items.anyOf[1]).to.deep.equal(reference);
    expect(probe.endpoint).to.deep.equal({ description: 'Where to ask.', type: 'string', minLength: 1 });
  });

  it('has a description for every option of every component that is not a section of options', async () => {
    const undescribed: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (value === null || typeof value !== 'object') return;
      for (const [key, inner] of Object.entries(value)) {
        if (key === 'properties') {
          for (const [name, option] of Object.entries(inner as Record<string, { description?: string }>)) {
            const isSection = JSON.stringify(option).includes('"properties"');
            if (!option.description && !isSection) undescribed.push(`${path}.${name}`);
          }
        }
        walk(inner, key === 'properties' || key === 'anyOf' ? path : `${path}.${key}`);
      }
    };
    walk(await wholeSchema(components), '');
    expect(undescribed).to.deep.equal([]);
  });

  it('warns of a processor that has to stand first and does not', async () => {
    const text = `receivers: {cgroup: }
processors: {memory_limiter: {check_interval: 1s, limit_mib: 100}, batch: }
exporters: {debug: }
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [cgroup], processors: [batch, memory_limiter], exporters: [debug]}
    metrics/fine: {receivers: [cgroup], processors: [memory_limiter, batch], exporters: [debug]}
`;
    const { ok, warnings } = await readConfig({ configs: [`yaml:${text}`], sets: [], env: {} }, components);
    expect(ok).to.equal(true);
    expect(warnings.split('\n')[0]).to.equal(
      '<yaml>:7:36: warning: service.pipelines.metrics.processors: should begin with memory_limiter: what stands before it goes on taking data',
    );
    expect(warnings.match(/should begin/g)).to.have.length(1);
  });
});
