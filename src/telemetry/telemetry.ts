import { createWriteStream } from 'node:fs';
import type { IMetricReader } from '@opentelemetry/sdk-metrics';
import type { Clock } from '#clock';
import type { Attributes, Fields } from '#component';
import { plainOf } from '#config';
import type { Telemetry as TelemetryConfig } from '../config/service.ts';
import { createLogs, type Logs } from './logger.ts';
import type { InstrumentFamily, MeterRegistry } from './meter.ts';
import { observeProcess } from './process.ts';
import type { PullReader } from './pull.ts';

export interface Streams {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
}

/** The agent's own metrics on their way out. */
export interface OwnMetrics {
  /** Pages that show them. */
  readonly addresses: readonly string[];
  stop(): Promise<void>;
}

/** Log lines go where `service.telemetry.logs` says; a file that cannot be written is told on standard error, once. */
export function startLogs(config: TelemetryConfig['logs'], clock: Clock, streams: Streams): Logs {
  const writers = config.output_paths.map((path) => openOutput(path, streams));
  const { sampling } = config;
  return createLogs({
    level: config.level,
    encoding: config.encoding,
    clock,
    write: (line) => {
      for (const write of writers) write(line);
    },
    ...(sampling.enabled ? { sampling } : {}),
    fields: Object.fromEntries([...config.initial_fields].map(([k, v]) => [k, plainOf(v)])) as Fields,
  });
}

function openOutput(path: string, streams: Streams): (line: string) => void {
  if (path === 'stderr' || path === 'stdout') return (line) => void streams[path].write(line);
  const file = createWriteStream(path, { flags: 'a' });
  file.once('error', (error) => streams.stderr.write(`cannot write the log to ${path}: ${error.message}\n`));
  file.on('error', () => {});
  return (line) => void file.write(line);
}

/**
 * Starts what shows the agent's own metrics; rejects with a sentence when a reader cannot start. With level `none` the
 * SDK is not even loaded.
 */
export async function startOwnMetrics(
  registry: MeterRegistry,
  config: TelemetryConfig,
  version: string,
  instance: () => string,
): Promise<OwnMetrics> {
  const { level, readers } = config.metrics;
  if (level === 'none' || readers.length === 0) return { addresses: [], stop: async () => {} };
  const { meter, close } = registry.scope({});
  const stopObserving = observeProcess(meter);
  const pages: PullReader[] = [];
  const all: IMetricReader[] = [];
  const end = async () => {
    stopObserving();
    close();
    await Promise.all(pages.map((page) => page.stop()));
  };
  try {
    for (const { pull, periodic } of readers) {
      if (pull) {
        const { pullReader } = await import('./pull.ts');
        const page = pullReader(pull.exporter.prometheus!);
        pages.push(page);
        all.push(page.reader);
      } else {
        const { pushReader } = await import('./push.ts');
        all.push(pushReader(periodic!));
      }
    }
    const { startSdk } = await import('./sdk.ts');
    const sdk = startSdk(registry, all, resourceOf(config, version, instance()), shownAt(level), version);
    for (const page of pages) await page.start();
    return {
      addresses: pages.map((page) => page.address),
      async stop() {
        await end();
        await sdk.stop();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The Collector's own resource; `resource` in the configuration adds to it, and a null there takes away. */
function resourceOf(config: TelemetryConfig, version: string, instance: string): Attributes {
  const attributes: Record<string, string> = {
    'service.name': 'dnscol',
    'service.version': version,
    'service.instance.id': instance,
  };
  for (const [name, node] of config.resource) {
    const value = plainOf(node);
    if (value === null) delete attributes[name];
    else attributes[name] = typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
  return attributes;
}

/** Like the Collector, `basic` leaves out what has many series or little use day to day. */
function shownAt(level: TelemetryConfig['metrics']['level']): (family: InstrumentFamily) => boolean {
  if (level !== 'basic') return () => true;
  return ({ name, kind }) => kind !== 'histogram' && !name.includes('_batch_');
}
