import { type Exporter, exporter, type Host } from '#component';
import { compressBody, createHttpClient, type HttpClient, httpClientOptions } from '#http';
import { type Batch, pointCount } from '#metrics';
import {
  createJsonEncoder,
  createProtobufEncoder,
  type JsonEncoder,
  type PartialSuccess,
  type ProtobufEncoder,
  planOf,
  type Stamped,
  StartTimes,
} from '#otlp';
import { createComplaints, createLosses, createSender, type Losses, lost, type Sender } from '#queue';
import { bodyCodec } from './codec.ts';
import { halves } from './halves.ts';
import { type Item, itemOf, type Part } from './item.ts';
import { type Config, config, metricsUrl } from './options.ts';
import { type Body, post, TooLargeError } from './post.ts';

export default exporter<Config>({
  type: 'otlphttp',
  aliases: ['otlp_http'],
  summary: 'Sends to whatever takes OTLP over HTTP: an OpenTelemetry Collector, or a backend of its own.',
  stability: 'beta',
  config,
  create: (options, host) => new OtlpHttpExporter(options, host),
});

class OtlpHttpExporter implements Exporter {
  readonly queued = true;
  readonly #options: Config;
  readonly #host: Host;
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #starts = new StartTimes();
  readonly #protobuf: ProtobufEncoder;
  readonly #json: JsonEncoder;
  readonly #sender: Sender<Item>;
  readonly #flattened;
  readonly #warn: ReturnType<typeof createComplaints>;
  readonly #rejected: Losses;
  #client: HttpClient | undefined;

  constructor(options: Config, host: Host) {
    this.#options = options;
    this.#host = host;
    this.#url = metricsUrl(options);
    this.#headers = userAgent(options, host);
    const scope = { name: 'dnscol', version: host.version };
    this.#protobuf = createProtobufEncoder(scope);
    this.#json = createJsonEncoder(scope);
    this.#warn = createComplaints(host.clock, host.log.warn);
    this.#rejected = createLosses(host.clock, (points, _, message) =>
      host.log.warn(`the server rejected ${points} data points`, { message }, { always: true }),
    );
    this.#flattened = host.meter.counter('dnscol_exporter_flattened_points_total', {
      help: 'Samples of histograms and summaries that lacked a part, and were sent as single numbers.',
      unit: '{datapoints}',
    });
    this.#sender = createSender<Item>({
      host,
      retry: options.retry_on_failure,
      queue: options.sending_queue,
      timeout: options.timeout,
      send: (item, signal) => this.#send(item, signal),
      points: (item) => item.points,
      bytes: (item) => item.ready?.bytes.length ?? this.#protobuf.size(item.stamped),
      joinable: (item) => !item.ready,
      codec: bodyCodec(
        (item) => this.#bodyOf(item),
        (item) => this.#partsOf(item),
      ),
      merge: (items) => itemOf(items.flatMap((item) => item.stamped)),
      chop: (item, max, sizer) => this.#chop(item, max, sizer),
      split: (item, error) => (error instanceof TooLargeError ? halves(item) : undefined),
    });
  }

  async start(): Promise<void> {
    this.#client = createHttpClient(
      { ...httpClientOptions(this.#options, this.#host), followRedirects: true },
      this.#host.clock,
    );
    await this.#sender.start();
  }

  async consume(batch: Batch, signal: AbortSignal): Promise<void> {
    if (!this.#client) throw new Error('the exporter is not running');
    if (pointCount(batch) === 0) return;
    for (const { set } of batch) this.#flattened.add(planOf(set).flattened);
    await this.#sender.offer(itemOf(this.#starts.stamp(batch)), signal);
  }

  async stop(signal: AbortSignal): Promise<void> {
    await this.#sender.stop(signal);
    this.#rejected.flush();
    this.#client?.close();
    this.#client = undefined;
  }

  async #send(item: Item, signal: AbortSignal): Promise<void> {
    if (!this.#client) throw new Error('the exporter is not running');
    const now = () => this.#host.clock.now();
    const partial = await post(this.#client, this.#url, await this.#bodyOf(item), this.#headers, now, signal);
    if (partial) this.#partly(partial);
  }

  /** OTLP/JSON is not cut. */
  #partsOf({ stamped, parts }: Item): readonly Part[] | undefined {
    if (parts || this.#options.encoding === 'json') return parts;
    return stamped.map((one) => [this.#protobuf.size([one]), one.snapshot.values.length]);
  }

  async #bodyOf(item: Item): Promise<Body> {
    if (item.ready) return item.ready;
    item.body ??= this.#encode(item.stamped);
    return item.body;
  }

  async #encode(stamped: readonly Stamped[]): Promise<Body> {
    const { encoding, compression, compression_params } = this.#options;
    const plain = encoding === 'json' ? Buffer.from(this.#json.encode(stamped)) : this.#protobuf.encode(stamped);
    const packed = await compressBody(compression, compression_params?.level, plain);
    const type = encoding === 'json' ? 'application/json' : 'application/x-protobuf';
    return { bytes: packed.body, type, encoding: packed.encoding };
  }

  /** The server's own warning. What it rejected is counted and, by the protocol, never sent again. */
  #partly({ rejected, message }: PartialSuccess): void {
    if (rejected) {
      lost(this.#host, 'rejected').add(rejected);
      this.#rejected.add('rejected', rejected, message);
    } else this.#warn('partly', 'the server took all, with a warning', { message });
  }

  /** By whole snapshots: the series of a histogram must stay together. */
  #chop(item: Item, max: number, sizer: 'items' | 'bytes'): Item[] {
    if (item.ready) return [item];
    const pieces: Stamped[][] = [];
    let room = 0;
    for (const one of item.stamped) {
      const size = sizer === 'items' ? one.snapshot.values.length : this.#protobuf.size([one]);
      if (pieces.length === 0 || size > room) {
        pieces.push([]);
        room = max;
      }
      pieces.at(-1)!.push(one);
      room -= size;
    }
    return pieces.map(itemOf);
  }
}

/** `dnscol/1.2.3 (linux/amd64)`, unless the user names another. */
function userAgent({ headers }: Config, { version }: Host): Record<string, string> {
  for (const name of headers?.keys() ?? []) if (name.toLowerCase() === 'user-agent') return {};
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  return { 'User-Agent': `dnscol/${version} (${process.platform}/${arch})` };
}
