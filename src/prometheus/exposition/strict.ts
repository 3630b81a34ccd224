import type { MetricType } from '#metrics';
import { sampleLabels } from './labels.ts';
import { type Keyword, Reader } from './reader.ts';
import { OpenMetricsRules } from './strict_openmetrics.ts';
import { TextRules } from './strict_text.ts';
import { readType } from './type.ts';
import type { ExpositionFormat } from './types.ts';

export interface StrictSample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
  /** Milliseconds; NaN for none. */
  readonly timestamp: number;
  readonly exemplar?: ReadonlyMap<string, string>;
}

/** The rules of a format that go beyond a line. Each answers what was expected where something is wrong. */
export interface Rules {
  metadata(keyword: Keyword, name: string, text: string, type: MetricType | undefined): string | undefined;
  sample(sample: StrictSample): string | undefined;
  end(): string | undefined;
}

/** Throws an ExpositionError at the first line that breaks a rule of the format. */
export function checkStrictly(body: Buffer, format: ExpositionFormat): void {
  const reader = new Reader(body, format, true);
  const rules: Rules = format === 'openmetrics' ? new OpenMetricsRules() : new TextRules();
  for (;;) {
    const entry = reader.next();
    const at = lineStart(body, reader, entry === 'metadata');
    let expected: string | undefined;
    if (entry === 'end') expected = rules.end();
    else if (entry === 'series') expected = rules.sample(readSample(reader));
    else {
      const type = reader.keyword === 'TYPE' ? readType(reader) : undefined;
      expected = rules.metadata(reader.keyword, reader.name, reader.text, type);
    }
    if (expected !== undefined) reader.fail(expected, at);
    if (entry === 'end') return;
  }
}

/** The reader stands behind metadata, but before a sample. */
function lineStart(body: Buffer, reader: Reader, behind: boolean): number {
  return behind ? body.lastIndexOf(10, reader.textAt - 1) + 1 : reader.pos;
}

function readSample(reader: Reader): StrictSample {
  const at = reader.pos;
  const values = new Float64Array(1);
  reader.readSeries();
  const { name } = reader;
  const labels = uniqueLabels(reader, name, reader.pairs, at);
  reader.readValue(values, 0);
  reader.readRest();
  const sample = { name, labels, value: values[0]!, timestamp: reader.timestamp };
  if (!reader.hasExemplar) return sample;
  return { ...sample, exemplar: uniqueLabels(reader, '', reader.exemplarPairs, at) };
}

function uniqueLabels(reader: Reader, name: string, pairs: readonly string[], at: number): Map<string, string> {
  const twice = sampleLabels(name, pairs, '');
  if (typeof twice === 'string') reader.fail(`the label ${JSON.stringify(twice)} only once`, at);
  const map = new Map<string, string>();
  for (let i = 0; i < pairs.length; i += 2) map.set(pairs[i]!, pairs[i + 1]!);
  return map;
}
