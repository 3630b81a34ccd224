/** The JSON Schema (2020-12) of the whole YAML, for editors: `dnscol schema`, `config/schema.json`. */
import type { Kind } from '#component';
import { SECTIONS } from './define.ts';
import type { Components } from './factories.ts';
import type { JsonSchema } from './schema.ts';
import { telemetry } from './service.ts';

const REFERENCE = { $ref: '#/$defs/reference' };

export async function wholeSchema(components: Components): Promise<JsonSchema> {
  const sections: Record<string, JsonSchema> = {};
  for (const { key, kind } of SECTIONS) sections[key] = await sectionSchema(components, kind);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'dnscol configuration',
    type: 'object',
    properties: {
      ...sections,
      service: serviceSchema(),
      plugins: { ...ids('Modules that bring components of their own: `./file.ts` beside this file, or a package.') },
    },
    additionalProperties: false,
    $defs: {
      reference: { type: 'string', pattern: '\\$\\{.+\\}', description: 'A reference to a variable or a file.' },
    },
  };
}

async function sectionSchema(components: Components, kind: Kind): Promise<JsonSchema> {
  const patternProperties: Record<string, JsonSchema> = {};
  for (const load of Object.values(components[kind])) {
    const { default: factory } = await load();
    const names = [factory.type, ...(factory.aliases ?? [])].join('|');
    const pattern = names.includes('|') ? `^(${names})(/.*)?$` : `^${names}(/.*)?$`;
    patternProperties[pattern] = { description: factory.summary, ...withReferences(factory.config.json()) };
  }
  return {
    description: `The ${kind}s, by id: type or type/name.`,
    type: ['object', 'null'],
    patternProperties,
    additionalProperties: false,
  };
}

const ids = (description: string): JsonSchema => ({
  description,
  anyOf: [{ type: ['array', 'null'], items: { type: 'string' } }, { type: 'string' }],
});

function serviceSchema(): JsonSchema {
  const pipeline = {
    type: 'object',
    properties: {
      receivers: ids('Where metrics come from; at least one.'),
      processors: ids('What they pass through, in this order.'),
      exporters: ids('Where they go; at least one.'),
    },
    required: ['receivers', 'exporters'],
    additionalProperties: false,
  };
  return {
    description: 'What runs.',
    type: 'object',
    properties: {
      extensions: ids('The extensions that run, in the order in which they start.'),
      pipelines: {
        description: 'Receivers, processors and exporters, wired.',
        type: 'object',
        patternProperties: { '^metrics(/.*)?$': withReferences(pipeline) },
        additionalProperties: false,
      },
      telemetry: { description: "The agent's own logs and metrics.", ...withReferences(telemetry.json()) },
    },
    required: ['pipelines'],
    additionalProperties: false,
  };
}

const ANNOTATIONS = ['description', 'default', 'deprecated'];

/** The same schema, where a reference to a variable or a file may stand for every value that is not a string anyway. */
function withReferences(schema: JsonSchema): JsonSchema {
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, innerSchema(key, value)]));
  if (!('type' in inner || 'enum' in inner) || admitsText(inner)) return inner;
  const notes = Object.entries(inner).filter(([key]) => ANNOTATIONS.includes(key));
  const rules = Object.entries(inner).filter(([key]) => !ANNOTATIONS.includes(key));
  return { ...Object.fromEntries(notes), anyOf: [Object.fromEntries(rules), REFERENCE] };
}

function innerSchema(key: string, value: unknown): unknown {
  if (key === 'properties' || key === 'patternProperties') {
    const entries = Object.entries(value as Record<string, JsonSchema>);
    return Object.fromEntries(entries.map(([name, schema]) => [name, withReferences(schema)]));
  }
  if (key === 'anyOf') return [...(value as JsonSchema[]).map(withReferences)];
  const isSchema = (key === 'items' || key === 'additionalProperties') && typeof value === 'object';
  return isSchema ? withReferences(value as JsonSchema) : value;
}

const admitsText = ({ type }: JsonSchema) => [type].flat().includes('string');
