import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { labelMap, labelValue } from '#metrics';
import {
  chooseFormat,
  ExpositionError,
  type ExpositionFormat,
  type ParsedPage,
  parsePage,
  type ScrapeProtocol,
} from '#prometheus';
import { cpuTime } from '../support/cpu.ts';
import { suite } from '../support/suites.ts';

const facts = suite('prom-text');

interface Input {
  text?: string;
  b64?: string;
}
type Pair = [name: string, value: string];
interface Entry {
  help?: string;
  type?: string;
  unit?: string;
  metric_text?: string;
  labels?: Pair[] | { plain: Pair[] };
  value?: number | string;
  timestamp_ms?: number;
  exemplars?: { Labels: Pair[]; Value: number; HasTs?: boolean; Ts?: number }[];
}
interface ParseCase {
  name: string;
  input: Input;
  expected_entries?: Entry[];
  expected_ok?: boolean;
  expected_error?: string;
}

const bytes = ({ text, b64 }: Input): Buffer => (b64 === undefined ? Buffer.from(text!) : Buffer.from(b64, 'base64'));

const accepts = (body: Buffer, format: ExpositionFormat, strict = false): boolean => {
  try {
    parsePage(body, { format, strict });
    return true;
  } catch (error) {
    if (error instanceof ExpositionError) return false;
    throw error;
  }
};

const sorted = (pairs: Iterable<readonly [string, string]>): Pair[] =>
  ([...pairs] as Pair[]).filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1));

const TIMED_TYPES = ['counter', 'histogram', 'summary'];

/**
 * A page's samples in the form of the facts. These were taken with the parser's option to leave out `_created`, which is off
 * in a Prometheus that is not told otherwise, and so is not ours.
 */
const samplesOf = ({ layout, values, times, exemplars = [] }: ParsedPage) =>
  layout.samples
    .map(({ family, labels }, i) => ({
      created: TIMED_TYPES.includes(family.type) && labelValue(labels, '__name__').endsWith('_created'),
      labels: sorted(labelMap(labels)),
      value: values[i],
      timestamp: times && !Number.isNaN(times[i]) ? times[i] : undefined,
      exemplars: exemplars
        .filter(({ index }) => index === i)
        .map((e) => ({ labels: sorted(labelMap(e.labels)), value: e.value, timestamp: e.timestamp })),
    }))
    .filter(({ created }) => !created)
    .map(({ created, ...sample }) => sample);

const number = (value: number | string): number =>
  typeof value === 'number' ? value : Number(value.replace('Inf', 'Infinity'));

const expectedSample = ({ labels, value, timestamp_ms, exemplars = [] }: Entry) => ({
  labels: sorted(Array.isArray(labels) ? labels : labels!.plain),
  value: number(value!),
  timestamp: timestamp_ms,
  exemplars: exemplars.map((e) => ({
    labels: sorted(e.Labels),
    value: e.Value,
    timestamp: e.HasTs ? e.Ts : undefined,
  })),
});

describe("Prometheus' facts about the text formats", () => {
  const formats = { 'prometheus-promparse.json': 'text', 'prometheus-openmetricsparse.json': 'openmetrics' } as const;
  for (const [file, format] of Object.entries(formats)) {
    for (const one of facts.json<ParseCase[]>(file)) {
      const body = bytes(one.input);
      facts.holds(`${file}: ${one.name}`, () => {
        // What neither must pass nor must fail may do either, without a crash.
        const accepted = one.expected_entries === undefined && accepts(body, format);
        if (one.expected_entries === undefined) expect(accepted).to.equal(one.expected_ok === true);
        else {
          const page = parsePage(body, { format, exemplars: true });
          const expected = one.expected_entries.filter((entry) => entry.labels !== undefined).map(expectedSample);
          expect(samplesOf(page)).to.deep.equal(expected);
        }
      });
    }
  }
});

describe("expfmt's facts about the text format, held in strict mode", () => {
  for (const { name, input } of facts.json<ParseCase[]>('expfmt-parse-good.json')) {
    facts.holds(`expfmt-parse-good.json: ${name}`, () => {
      expect(accepts(bytes(input), 'text', true)).to.equal(true);
    });
  }
  for (const { name, input } of facts.json<ParseCase[]>('expfmt-parse-errors.json')) {
    facts.holds(`expfmt-parse-errors.json: ${name}`, () => {
      expect(accepts(bytes(input), 'text', true)).to.equal(false);
    });
  }
});

interface Negotiation {
  name: string;
  content_type: string;
  fallback_scrape_protocol: string;
  parser: 'prometheus_text' | 'openmetrics' | 'protobuf' | null;
  warning_or_error_contains: string | null;
}

/** The facts spell `PrometheusText0_0_4` for `PrometheusText0.0.4`. */
const protocol = (name: string) =>
  name === '' ? undefined : (name.replace(/(\d)_(\d)_(\d)/, '$1.$2.$3') as ScrapeProtocol);

describe('the choice of a parser by Content-Type', () => {
  for (const one of facts.json<Negotiation[]>('content-type-negotiation.json')) {
    facts.holds(`content-type-negotiation.json: ${one.name}`, () => {
      const choose = () => chooseFormat(one.content_type, protocol(one.fallback_scrape_protocol));
      if (one.parser === null) expect(choose).to.throw(/fallback_scrape_protocol/);
      else {
        expect(choose().format).to.equal(one.parser === 'prometheus_text' ? 'text' : one.parser);
        expect(choose().warning !== undefined).to.equal(one.warning_or_error_contains !== null);
      }
    });
  }
});

function* filesUnder(dir: string): Generator<string> {
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

describe('real pages', () => {
  // Not text expositions: configurations, protobuf, gzip, JSON, and node_exporter's answers to broken directories.
  const other = /\.(json|ya?ml|gz)$|\/(protobuf.*|json2.*)$/;
  const textfiles = [...filesUnder(facts.path('node_exporter-textfile'))].filter((path) => path.endsWith('.prom'));
  const files = [...filesUnder(facts.path('real')), ...textfiles].filter((path) => !other.test(path));
  for (const path of files) {
    facts.holds(`${path.slice(facts.path().length + 1)}`, () => {
      const body = readFileSync(path);
      const started = cpuTime();
      const page = parsePage(body, { format: path.includes('.om.') ? 'openmetrics' : 'text' });
      expect(cpuTime() - started).to.be.below(200);
      expect(page.values.length).to.be.above(0);
    });
  }
});

describe('the list of facts not held', () => {
  facts.listIsCurrent();
});
