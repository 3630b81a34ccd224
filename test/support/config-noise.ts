/** Seeded mutations of real configurations, and what must hold whatever comes of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { redactedPlain } from '../../src/config/redact.ts';
import { writeYaml } from '../../src/config/yaml.ts';
import { reportOf, resolveText } from './config.ts';
import { cpuTime } from './cpu.ts';
import { random } from './random.ts';

const GOLDEN = resolve(import.meta.dirname, '../golden/config');
const SHIPPED = resolve(import.meta.dirname, '../../config');

const yamlIn = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => readFileSync(resolve(folder, name), 'utf8'))
    .filter((text) => text.length > 0 && text.length < 8192);

const PIECES = ['\t', ' ', '  ', '\n', ':', ': ', '- ', '{', '}', '[', ']', '"', "'", '&a ', '*a', '!t ', '|', '>', '#']
  .concat([
    '${',
    '${env:A}',
    '${env:LOOP}',
    '$${',
    '$',
    '}',
    '::',
    '<<: ',
    '%',
    '@',
    '`',
    '---\n',
    '...',
    '\\',
    '\u0000',
  ])
  .concat([
    'null',
    '~',
    '0x1f',
    '-1',
    '1e999',
    '99999999999999999999',
    '.nan',
    'true',
    '__proto__',
    '\ud800',
    '\u2028',
    '🙂',
  ]);

const ENV = { A: '[1, {b: c}]', LOOP: 'x${env:LOOP}', SECRET: 's3cr3t' };

const SOUND = `receivers:
  probe/a:
    endpoint: "here:53" # a comment
    interval: 30s
    count: \${env:COUNT:-3}
    names: [a, b]
    labels: {zone: z1, node: '\${env:A}'}
    rules:
      - action: keep
        regex: ^(.*)$
exporters:
  old_sink: {endpoint: https://here/, password: '\${env:SECRET}', headers: {X: y}}
service:
  pipelines:
    metrics/one: {receivers: [probe/a], exporters: [old_sink]}
`;

/** An endless supply of broken configurations; the same for a seed. */
export function* mutations(seed: number): Generator<string> {
  const next = random(seed);
  const corpus = [...yamlIn(GOLDEN), ...yamlIn(SHIPPED)];
  const below = (n: number) => Math.floor(next() * n);
  for (;;) {
    let text = below(4) === 0 ? SOUND : corpus[below(corpus.length)]!;
    for (let changes = 1 + below(4); changes > 0; changes--) text = mutated(text, below, corpus);
    yield text;
  }
}

function mutated(text: string, below: (n: number) => number, corpus: readonly string[]): string {
  const at = below(text.length + 1);
  const end = Math.min(text.length, at + 1 + below(12));
  switch (below(7)) {
    case 0:
      return text.slice(0, at) + text.slice(end);
    case 1:
      return text.slice(0, at) + text.slice(at, end).repeat(1 + below(4)) + text.slice(at);
    case 2:
      return text.slice(0, at) + String.fromCharCode(below(128)) + text.slice(at + 1);
    case 3: {
      const other = corpus[below(corpus.length)]!;
      return text.slice(0, at) + other.slice(below(other.length));
    }
    case 4: {
      const lines = text.split('\n');
      lines.splice(below(lines.length), 1, ...lines.slice(below(lines.length)).slice(0, 2));
      return lines.join('\n');
    }
    default:
      return text.slice(0, at) + PIECES[below(PIECES.length)] + text.slice(at);
  }
}

/** Reads `count` mutations: a result or clear issues, each within a second. */
export async function surviveNoise(seed: number, count: number): Promise<{ good: number; bad: number }> {
  const tally = { good: 0, bad: 0 };
  const source = mutations(seed);
  for (let i = 0; i < count; i++) {
    const text = source.next().value as string;
    const began = cpuTime();
    await readOne(text, tally);
    expect(cpuTime() - began, text).to.be.below(1000);
  }
  return tally;
}

async function readOne(text: string, tally: { good: number; bad: number }): Promise<void> {
  const resolved = await resolveText(text, { env: ENV }).catch((error) => {
    throw new Error(`this must not throw: ${JSON.stringify(text)}`, { cause: error });
  });
  const report = reportOf(resolved);
  expect(report.length, text).to.be.below(200_000);
  for (const { message, place } of resolved.issues) {
    expect(message, text).to.match(/\S/);
    expect(place.line * place.column * place.length, text).to.be.at.least(1);
  }
  writeYaml(redactedPlain(resolved.tree, resolved.secrets));
  if (resolved.issues.length) tally.bad++;
  else tally.good++;
}
