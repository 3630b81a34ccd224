/** The texts of a new component. */
import type { Kind } from '#component';

/** By path: README, declaration and test. */
export function sources(kind: Kind, type: string): Record<string, string> {
  const folder = `${kind}s/${type}`;
  return {
    [`${folder}/README.md`]: readme(kind, type),
    [`${folder}/${type}.ts`]: declaration(kind, type),
    [`test/${folder}/${type}.test.ts`]: test(kind, type),
  };
}

/** The list with one more line, where the alphabet has it. */
export function registered(list: string, kind: Kind, type: string): string {
  const line = `    ${type}: () => import('../${kind}s/${type}/${type}.ts'),`;
  const section = new RegExp(`^  ${kind}: \\{(\\n[^}]*|)\\},$`, 'm').exec(list);
  if (!section) throw new Error(`src/components.ts has no section ${kind}`);
  const lines = section[1]!.split('\n').filter((text) => text.trim() !== '');
  return list.replace(section[0], () => `  ${kind}: {\n${[...lines, line].sort().join('\n')}\n  },`);
}

function readme(kind: Kind, type: string): string {
  const metrics = kind === 'receiver' ? '<!-- generated:metrics -->\n<!-- /generated -->' : 'It makes none of its own.';
  return `# ${type}

## Name

_${type}_ - says in one line what it is for.

## Description

What it reads, does or sends, and when.

## Configuration

<!-- generated:options -->
<!-- /generated -->

## Metrics

${metrics}

## Examples

\`\`\`yaml
${kind}s:
  ${type}:
${kind === 'extension' ? `service:\n  extensions: [${type}]\n` : ''}\`\`\`

## Notes

- What surprises, and what it does not do.
`;
}

interface Body {
  imports?: string;
  config?: string;
  rest: string;
}

const BODIES: Record<Kind, Body> = {
  receiver: {
    imports: `import { poll } from '#kit';
import { labelsOf, makeFamily, makeSeries, makeSet } from '#metrics';

const family = makeFamily('%_up', 'gauge', 'Always 1.');
// The same set each time: what is downstream pays for a set once.
const set = makeSet([makeSeries(family, labelsOf({ __name__: family.name }))]);
`,
    config: `{
    collection_interval: s.withDefault(s.duration({ min: 1 }), '1m', 'Time between the starts of two collections.'),
  }`,
    rest: `  metrics: [{ name: family.name, type: family.type, help: family.help }],
  create({ collection_interval }, host, next) {
    const { start, stop } = poll({
      clock: host.clock,
      interval: collection_interval,
      round: (signal) => next.consume([{ set, values: Float64Array.of(1), time: host.clock.now() }], signal),
      onError: (error) => host.log.warn('a collection failed', { error }),
    });
    return { start: async () => start(), stop };
  },`,
  },
  processor: {
    rest: `  create: (_config, _host, next) => ({
    consume: (batch, signal) => next.consume(batch, signal),
  }),`,
  },
  exporter: {
    imports: `import { pointCount } from '#metrics';
`,
    rest: `  create: (_config, host) => ({
    async consume(batch) {
      host.log.info('batch', { points: pointCount(batch) });
    },
  }),`,
  },
  extension: {
    rest: `  create: (_config, host) => ({
    async start() {
      host.report('ok');
    },
  }),`,
  },
};

function declaration(kind: Kind, type: string): string {
  const { imports = '', config = '{}', rest } = BODIES[kind];
  return `import { ${kind} } from '#component';
import * as s from '#config';
${imports}
export default ${kind}({
  type: '${type}',
  summary: 'Says in one line what it is for.',
  stability: 'development',
  config: s.object(${config}),
${rest}
});
`.replaceAll('%', type);
}

function test(kind: Kind, type: string): string {
  return `import { expect } from 'chai';
import * as s from '#config';
import ${camel(type)} from '../../../${kind}s/${type}/${type}.ts';

describe('the ${kind} ${type}', () => {
  it('has a default for each of its options', () => {
    expect(s.parse(${camel(type)}.config, {})).to.be.an('object');
  });
});
`;
}

const camel = (type: string) => type.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());
