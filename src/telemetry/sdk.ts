import type { Attributes, ObservableResult, Meter as SdkMeter } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { type IMetricReader, MeterProvider } from '@opentelemetry/sdk-metrics';
import type { InstrumentFamily, MeterRegistry } from './meter.ts';

export interface Sdk {
  /** Flushes what periodic readers hold and closes them. */
  stop(): Promise<void>;
}

/**
 * Puts the agent's instruments behind the OpenTelemetry SDK: each family becomes one observable instrument that reads the
 * plain numbers when a reader collects. `detail` says which families are shown.
 */
export function startSdk(
  registry: MeterRegistry,
  readers: IMetricReader[],
  resource: Attributes,
  detail: (family: InstrumentFamily) => boolean,
  version: string,
): Sdk {
  const provider = new MeterProvider({ resource: resourceFromAttributes(resource), readers });
  const meter = provider.getMeter('dnscol', version);
  registry.watch((family) => {
    if (detail(family)) bridge(meter, family);
  });
  return {
    stop() {
      registry.watch((family) => {
        family.sink = undefined;
      });
      return provider.shutdown();
    },
  };
}

function bridge(meter: SdkMeter, family: InstrumentFamily): void {
  const { name, kind, help: description, unit } = family;
  if (kind === 'histogram') {
    const advice = family.boundaries ? { advice: { explicitBucketBoundaries: [...family.boundaries] } } : {};
    const histogram = meter.createHistogram(name, { description, unit, ...advice });
    family.sink = (value, attributes) => histogram.record(value, attributes);
    return;
  }
  const made =
    kind === 'counter'
      ? meter.createObservableCounter(name, { description, unit })
      : meter.createObservableGauge(name, { description, unit });
  made.addCallback((result: ObservableResult) => {
    for (const { value, attributes } of family.read()) result.observe(value, attributes);
  });
}
