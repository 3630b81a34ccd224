import { type Counter, type Exporter, exporter, type Host, PermanentError } from '#component';
import { createHttpClient, type HttpClient, httpClientOptions } from '#http';
import { type Batch, pointCount } from '#metrics';
import {
  createMetadataEncoder,
  createRemoteWriteEncoder,
  halveBody,
  joinBodies,
  type RemoteWriteEncoder,
  type WriteBody,
} from '#prometheus';
import { createLosses, createSender, type Losses, lost, type QueueSettings, type Sender } from '#queue';
import { type Config, config, laneCount, translateOptions } from './options.ts';
import { post, TooLargeError } from './post.ts';

export default exporter<Config>({
  type: 'prometheusremotewrite',
  aliases: ['prometheus_remote_write'],
  summary: 'Writes to Prometheus and whatever else takes Remote Write 1.0.',
  stability: 'beta',
  config,
  create: (options, host) => new RemoteWriteExporter(options, host),
});

const METADATA_INTERVAL = 60_000;

class RemoteWriteExporter implements Exporter {
  readonly queued = true;
  readonly #options: Config;
  readonly #host: Host;
  readonly #url: URL;
  readonly #encoder: RemoteWriteEncoder;
  readonly #metadata: ((batch: Batch) => WriteBody[]) | undefined;
  readonly #sender: Sender<WriteBody>;
  readonly #count: ReturnType<typeof counters>;
  readonly #untranslated: Losses;
  #client: HttpClient | undefined;
  #accepted = false;

  constructor(options: Config, host: Host) {
    this.#options = options;
    this.#host = host;
    this.#url = new URL(options.endpoint);
    this.#count = counters(host, laneCount(options));
    this.#untranslated = createLosses(host.clock, (points, reason) =>
      host.log.error(
        `dropped ${points} metric points that have no name, or the same as another series`,
        { reason },
        { always: true },
      ),
    );
    const translate = translateOptions(options);
    const common = { ...translate, maxLength: options.max_batch_size_bytes };
    this.#encoder = createRemoteWriteEncoder({ ...common, lanes: laneCount(options) });
    if (options.send_metadata) {
      this.#metadata = createMetadataEncoder({ ...common, clock: host.clock, interval: METADATA_INTERVAL });
    }
    this.#sender = createSender({
      host,
      retry: options.retry_on_failure,
      queue: queueSettings(options),
      timeout: options.timeout,
      send: (body, signal) => this.#send(body, signal),
      points: (body) => body.samples,
      bytes: (body) => body.length,
      lane: (body) => body.lane,
      merge: (bodies) => this.#join(bodies),
      chop: (body) => [body],
      split: (body, error) => (error instanceof TooLargeError ? halveBody(body) : undefined),
    });
  }

  async start(): Promise<void> {
    this.#client = createHttpClient(
      { ...httpClientOptions(this.#options, this.#host), followRedirects: true },
      this.#host.clock,
    );
  }

  async consume(batch: Batch, signal: AbortSignal): Promise<void> {
    if (!this.#client) throw new Error('the exporter is not started');
    const { bodies, dropped } = this.#encoder.encode(batch);
    if (dropped) this.#untranslatable(dropped);
    this.#count.translated.add(pointCount(batch) - dropped);
    const offers = [...(this.#metadata?.(batch) ?? []), ...bodies].map((body) => this.#sender.offer(body, signal));
    const results = await Promise.allSettled(offers);
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (failures.length === 0) return;
    if (failures.length === offers.length) throw failures[0];
    // Given back as a whole, the batch would arrive twice in part.
    throw new PermanentError(`${failures.length} of ${offers.length} requests failed`, { cause: failures[0] });
  }

  async stop(signal: AbortSignal): Promise<void> {
    await this.#sender.stop(signal);
    this.#untranslated.flush();
    this.#client?.close();
  }

  async #send(body: WriteBody, signal: AbortSignal): Promise<void> {
    await post(this.#client!, this.#url, body.bytes, () => this.#host.clock.now(), signal);
    this.#count.requests.add(1);
    if (!this.#accepted && body.samples) {
      this.#accepted = true;
      this.#host.log.info(`${this.#url.host} accepted the first ${body.samples} samples`);
    }
    // An attempt that was given up may be answered all the same; its body is then needed for the next one.
    if (!signal.aborted) this.#encoder.recycle(body);
  }

  #join(bodies: readonly WriteBody[]): WriteBody {
    const joined = joinBodies(bodies);
    for (const body of bodies) if (body !== joined) this.#encoder.recycle(body);
    return joined;
  }

  #untranslatable(points: number): void {
    this.#count.untranslated.add(points);
    lost(this.#host, 'untranslatable').add(points);
    this.#untranslated.add('untranslatable', points);
  }
}

function queueSettings(options: Config): QueueSettings {
  const { enabled, queue_size } = options.remote_write_queue;
  const max_size = options.max_batch_size_bytes;
  return {
    enabled,
    queue_size,
    num_consumers: laneCount(options),
    sizer: 'requests',
    wait_for_result: false,
    block_on_overflow: false,
    storage: undefined,
    // What a busy consumer finds waiting goes into one request; an idle one waits for nothing.
    batch: { flush_timeout: 0, min_size: 0, max_size, sizer: 'bytes' },
  };
}

interface Counters {
  requests: Counter;
  translated: Counter;
  untranslated: Counter;
}

/** The Collector's own names for this exporter. */
function counters({ meter }: Host, consumers: number): Counters {
  const prefix = 'otelcol_exporter_prometheusremotewrite';
  meter.gauge(`${prefix}_consumers`, () => consumers, { help: 'Requests that may be under way at once.' });
  return {
    requests: meter.counter(`${prefix}_sent_batches`, { help: 'Requests that the receiver took.', unit: '{batch}' }),
    translated: meter.counter(`${prefix}_translated_time_series`, {
      help: 'Samples that were encoded for sending.',
      unit: '1',
    }),
    untranslated: meter.counter(`${prefix}_failed_translations`, {
      help: 'Samples that Remote Write cannot express.',
      unit: '1',
    }),
  };
}
