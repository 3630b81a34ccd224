import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { createJsonEncoder, createProtobufEncoder, StartTimes } from '#otlp';
import { snapshotOf } from '../support/batch.ts';
import { CUSTOM, EXPONENTIAL, nativeSet, nativeSnapshot } from '../support/histograms.ts';
import { EVERY_VALUE, everyType, OTLP, SCOPE, withoutDefaults } from '../support/otlp.ts';
import { decodeMessage, encodeMessage, type Message, type ProtoField, parseProto } from '../support/protobuf.ts';

const suite = (path: string): string =>
  readFileSync(new URL(`../../../shared/suites/otlp/${path}`, import.meta.url), 'utf8');
const proto = (path: string) => parseProto(suite(`proto/opentelemetry/proto/${path}`));

const OFFICIAL: Record<string, Record<number, ProtoField>> = {
  ...proto('common/v1/common.proto'),
  ...proto('resource/v1/resource.proto'),
  ...proto('metrics/v1/metrics.proto'),
  ...proto('collector/metrics/v1/metrics_service.proto'),
};

/** Both kinds of native histograms, and exemplars; without the ids that JSON spells in another way. */
const natives = () =>
  nativeSnapshot(nativeSet('a.', 'b.'), [EXPONENTIAL, CUSTOM], {
    exemplars: [0, 1].map((index) => ({ index, labels: ['id', 'x'], value: 1 })),
  });

describe('suite otlp', () => {
  it('has the field numbers and types that the tests decode with', () => {
    for (const [name, fields] of Object.entries(OTLP)) {
      for (const [number, field] of Object.entries(fields)) {
        expect(OFFICIAL[name]?.[Number(number)], `${name} ${number}`).to.deep.equal(field);
      }
    }
  });

  it('keeps every field of the example through protobuf and back', () => {
    const example = JSON.parse(suite('examples/metrics.json')) as Message;
    const name = 'ExportMetricsServiceRequest';
    const back = decodeMessage(OFFICIAL, name, encodeMessage(OFFICIAL, name, example));
    expect(back).to.deep.equal(example);
  });

  it('reads what dnscol sends with the official schema, and finds the same in its JSON', () => {
    const stamped = new StartTimes().stamp([snapshotOf(everyType(), EVERY_VALUE), natives()]);
    const bytes = createProtobufEncoder(SCOPE).encode(stamped);
    const request = decodeMessage(OFFICIAL, 'ExportMetricsServiceRequest', bytes);
    const json = JSON.parse(createJsonEncoder(SCOPE).encode(stamped));
    expect(withoutDefaults(request)).to.deep.equal(withoutDefaults(json));
  });

  it('uses no JSON name that the schema does not have', () => {
    const json = JSON.parse(
      createJsonEncoder(SCOPE).encode(new StartTimes().stamp([snapshotOf(everyType(), EVERY_VALUE), natives()])),
    );
    const unknown = (name: string, value: unknown): string[] => {
      if (Array.isArray(value)) return value.flatMap((item) => unknown(name, item));
      const fields = OFFICIAL[name];
      if (!fields || typeof value !== 'object' || value === null) return [];
      return Object.entries(value).flatMap(([key, inner]) => {
        const field = Object.values(fields).find((one) => one.name === key);
        return field ? unknown(field.type, inner) : [`${name}.${key}`];
      });
    };
    expect(unknown('ExportMetricsServiceRequest', json)).to.deep.equal([]);
  });
});
