import { type Counter, type Exporter, exporter, type Host, PermanentError, type StorageSpace } from '#component';
import { createHttpClient, type HttpClient, httpClientOptions } from '#http';
import { turns } from '#kit';
import { type Batch, pointCount } from '#metrics';
import { halveBody, joinBodies, MOST_SAMPLES, shrink, toVersion1, type WriteBody } from '#prometheus';
import {
  createLosses,
  createSender,
  type FolderLock,
  type Losses,
  lost,
  queueFolder,
  type Sender,
  takeFolder,
} from '#queue';
import { bodyCodec } from './codec.ts';
import { createEncoding, type Encoding } from './encoding.ts';
import { type Config, config, laneCount, queueSettings, wantedVersion } from './options.ts';
import { post, TooLargeError, UnsupportedError } from './post.ts';
import { createProtocol, type Protocol } from './protocol.ts';
import { PartialWriteError, type Written } from './written.ts';

export default exporter<Config>({
  type: 'prometheusremotewrite',
  aliases: ['prometheus_remote_write'],
  summary: 'Writes to Prometheus and whatever else takes Remote Write 1.0 or 2.0.',
  stability: 'beta',
  config,
  create: (options, host) => new RemoteWriteExporter(options, host),
});

/** Samples from which a 2.0 request is worth sending by itself to a receiver that takes less than so many milliseconds. */
const LARGE = 500;
const SLOW = 250;

class RemoteWriteExporter implements Exporter {
  readonly queued = true;
  readonly #options: Config;
  readonly #host: Host;
  readonly #url: URL;
  readonly #encoding: Encoding;
  readonly #protocol: Protocol;
  readonly #sender: Sender<WriteBody>;
  readonly #count: ReturnType<typeof counters>;
  readonly #untranslated: Losses;
  #client: HttpClient | undefined;
  #accepted = false;
  #old = 0;
  /** How long the receiver takes for a request, in milliseconds, of late. */
  #pace = 0;
  readonly #wal: StorageSpace | undefined;
  #lock: FolderLock | undefined;

  constructor(options: Config, host: Host) {
    this.#options = options;
    this.#host = host;
    this.#url = new URL(options.endpoint);
    this.#count = counters(host, laneCount(options));
    this.#untranslated = createLosses(host.clock, (points, reason) =>
      host.log.error(
        `dropped ${points} metric points that have no name, or the same as another series, or no place in the protocol`,
        { reason },
        { always: true },
      ),
    );
    this.#encoding = createEncoding(options, host.clock);
    this.#protocol = createProtocol(wantedVersion(options), host.clock, host.log);
    this.#wal = walSpace(options, host);
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
      most: { size: (body) => this.#weight(body), max: options.max_batch_size_bytes },
      chop: (body, max, sizer) => shrink(body, max, sizer === 'items' ? 'samples' : 'length'),
      split: (body, error) => this.#instead(body, error),
      codec: bodyCodec,
      space: this.#wal,
      recycle: (body) => this.#encoding.recycle(body),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#client = createHttpClient(
      { ...httpClientOptions(this.#options, this.#host), followRedirects: true },
      this.#host.clock,
    );
    if (this.#wal) await this.#takeWal(this.#wal.folder, signal);
    await this.#sender.start();
  }

  async #takeWal(folder: string, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#host;
    const { lock, trouble } = await takeFolder(folder, { create: true, mode: WAL_MODE, timeout: 1000, clock, signal });
    this.#lock = lock;
    if (trouble) log.warn('the disk cannot be used; the queue goes on in memory', { folder, error: trouble });
  }

  async consume(batch: Batch, signal: AbortSignal): Promise<void> {
    if (!this.#client) throw new Error('the exporter is not started');
    const prepared = this.#encoding.prepare(batch, this.#protocol.version(), turns(signal));
    if (prepared) await prepared;
    const { bodies, dropped, relabelled, oldExemplars } = this.#encoding.encode(batch, this.#protocol.version());
    if (dropped) this.#untranslatable(dropped);
    this.#count.relabelled.add(relabelled);
    this.#oldExemplars(oldExemplars);
    this.#count.translated.add(pointCount(batch) - dropped - relabelled);
    const offers = bodies.map((body) => this.#sender.offer(body, signal));
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
    await this.#lock?.release();
    this.#lock = undefined;
  }

  async #send(body: WriteBody, signal: AbortSignal): Promise<void> {
    // Made before the receiver turned out not to know them.
    if (body.version === 2 && this.#protocol.version() === 1) throw new UnsupportedError('it is to be sent as 1.0');
    const written = await this.#post(body, signal);
    this.#wrote(written);
    this.#count.requests.add(1);
    if (body.version === 2) this.#protocol.understood();
    if (!this.#accepted && body.samples) {
      this.#accepted = true;
      this.#host.log.info(`${this.#url.host} accepted the first ${body.samples} samples`);
    }
  }

  async #post(body: WriteBody, signal: AbortSignal): Promise<Written | undefined> {
    const { clock } = this.#host;
    const began = clock.monotonic();
    try {
      return await post(this.#client!, this.#url, body, () => clock.now(), signal);
    } catch (error) {
      if (error instanceof UnsupportedError) this.#protocol.refused(error.message);
      if (error instanceof PartialWriteError) this.#wrote(error.written);
      throw error;
    } finally {
      this.#pace += (clock.monotonic() - began - this.#pace) / 8;
    }
  }

  #wrote(written: Written | undefined): void {
    if (!written) return;
    for (const what of ['samples', 'histograms', 'exemplars'] as const) this.#count.written[what].add(written[what]);
  }

  /** What to send in place of a body that the receiver did not take as it was. */
  #instead(body: WriteBody, error: unknown): readonly WriteBody[] | undefined {
    if (error instanceof TooLargeError) return halveBody(body);
    if (!(error instanceof UnsupportedError)) return undefined;
    const made = this.#asVersion1(body);
    return made.length ? shrink(made, this.#options.max_batch_size_bytes) : [];
  }

  #asVersion1(body: WriteBody): WriteBody {
    const { body: made, dropped } = toVersion1(body);
    if (dropped) this.#untranslatable(dropped);
    return made;
  }

  /**
   * Its bytes, or so many that no more than MOST_SAMPLES are joined into one request. Joining 2.0 requests costs more than sending
   * them one by one, unless the receiver is slow: then those that are large enough count as full.
   */
  #weight({ version, length, samples }: WriteBody): number {
    if (version === 1) return length;
    const most = samples >= LARGE && this.#pace < SLOW ? samples : MOST_SAMPLES;
    return Math.max(length, Math.ceil((samples / most) * this.#options.max_batch_size_bytes));
  }

  #join(bodies: readonly WriteBody[]): WriteBody {
    const isMixed = bodies.some(({ version }) => version !== bodies[0]!.version);
    return joinBodies(isMixed ? bodies.map((body) => (body.version === 2 ? this.#asVersion1(body) : body)) : bodies);
  }

  /** How many there were in all; a change of version begins anew. */
  #oldExemplars(count: number): void {
    this.#count.oldExemplars.add(Math.max(0, count - this.#old));
    this.#old = count;
  }

  #untranslatable(points: number): void {
    this.#count.untranslated.add(points);
    lost(this.#host, 'untranslatable').add(points);
    this.#untranslated.add('untranslatable', points);
  }
}

const WAL_MODE = 0o750;

/** The folder of `wal`. */
function walSpace({ wal }: Config, { kind, id }: Host): StorageSpace | undefined {
  return wal && { folder: queueFolder(wal.directory, kind, id), maxBytes: wal.max_size, fsync: false };
}

interface Counters {
  requests: Counter;
  translated: Counter;
  untranslated: Counter;
  relabelled: Counter;
  oldExemplars: Counter;
  written: Record<keyof Written, Counter>;
}

/** The Collector's own names for this exporter. */
function counters({ meter }: Host, consumers: number): Counters {
  const prefix = 'otelcol_exporter_prometheusremotewrite';
  meter.gauge(`${prefix}_consumers`, () => consumers, { help: 'Requests that may be under way at once.' });
  const written = (what: keyof Written) =>
    meter.counter(`${prefix}_written_${what}`, {
      help: `What receivers of Remote Write 2.0 said that they wrote: ${what}.`,
      unit: '1',
    });
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
    relabelled: meter.counter('dnscol_exporter_prometheusremotewrite_relabel_dropped_metric_points_total', {
      help: 'Samples that write_relabel_configs left out.',
      unit: '{datapoints}',
    }),
    oldExemplars: meter.counter('dnscol_exporter_prometheusremotewrite_out_of_order_exemplars_total', {
      help: 'Exemplars that were left out because they are older than the last one of their series.',
      unit: '{exemplars}',
    }),
    written: { samples: written('samples'), histograms: written('histograms'), exemplars: written('exemplars') },
  };
}
