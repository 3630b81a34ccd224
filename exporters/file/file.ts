import zlib from 'node:zlib';
import { type Exporter, exporter, type Host } from '#component';
import { type Batch, pointCount } from '#metrics';
import { createJsonEncoder, createProtobufEncoder, type Stamped, StartTimes } from '#otlp';
import { createComplaints, lost } from '#queue';
import { type Config, config } from './options.ts';
import { Writer } from './writer.ts';

export default exporter<Config>({
  type: 'file',
  summary: 'Writes OTLP, JSON or protobuf, into a file that it rotates.',
  stability: 'beta',
  config,
  create: (options, host) => new FileExporter(options, host),
});

/** As much waits in memory before it is written ahead of its time, and before more is refused while the disk takes nothing. */
const BUFFER = 64 * 1024;
const MOST = 4 * 1024 * 1024;

class FileExporter implements Exporter {
  readonly #options: Config;
  readonly #host: Host;
  readonly #writer: Writer;
  readonly #starts = new StartTimes();
  readonly #encode: (stamped: readonly Stamped[]) => Uint8Array;
  readonly #complain: ReturnType<typeof createComplaints>;
  #cancelFlush: (() => void) | undefined;

  constructor(options: Config, host: Host) {
    this.#options = options;
    this.#host = host;
    this.#writer = new Writer(options, host.clock);
    this.#encode = encoderOf(options, host);
    this.#complain = createComplaints(host.clock, host.log.error);
  }

  async start(): Promise<void> {
    try {
      await this.#writer.open();
    } catch (cause) {
      throw new Error(`cannot open ${this.#options.path} to write`, { cause });
    }
  }

  async consume(batch: Batch): Promise<void> {
    if (!this.#writer.running) throw new Error('the exporter is not running');
    const points = pointCount(batch);
    if (points === 0) return;
    if (this.#writer.pending >= MOST) throw new Error(`${this.#options.path} does not take what already waits for it`);
    this.#writer.add(this.#encode(this.#starts.stamp(batch)), points);
    if (this.#options.flush_interval === 0 || this.#writer.pending >= BUFFER) await this.#flush();
    else this.#flushLater();
  }

  async stop(): Promise<void> {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    try {
      await this.#writer.flush();
    } catch (error) {
      const { points } = this.#writer;
      lost(this.#host, 'write').add(points);
      this.#host.log.error(`dropped ${points} metric points that could not be written`, { error });
    }
    await this.#writer.close();
  }

  #flushLater(): void {
    this.#cancelFlush ??= this.#host.clock.after(this.#options.flush_interval || 1000, () => {
      this.#cancelFlush = undefined;
      void this.#flush();
    });
  }

  /** What could not be written is kept, so a failure is nothing for whoever handed it over. */
  async #flush(): Promise<void> {
    try {
      await this.#writer.flush();
      this.#host.report('ok');
    } catch (error) {
      const what = `cannot write to ${this.#options.path}, will try again`;
      this.#complain('write', what, { error });
      this.#host.report('recoverable', what);
      this.#flushLater();
    }
  }
}

/** One entry of the file: a line of JSON; or, as no line end could be told from what is in it, bytes behind their length. */
function encoderOf({ format, compression }: Config, { version }: Host): (stamped: readonly Stamped[]) => Uint8Array {
  const scope = { name: 'dnscol', version };
  const json = createJsonEncoder(scope);
  const protobuf = createProtobufEncoder(scope);
  const zstd = compression === 'zstd';
  if (format === 'json' && !zstd) return (stamped) => Buffer.from(`${json.encode(stamped)}\n`);
  return (stamped) => {
    const plain = format === 'json' ? Buffer.from(json.encode(stamped)) : protobuf.encode(stamped);
    const body = zstd ? zlib.zstdCompressSync(plain) : plain;
    const entry = Buffer.allocUnsafe(4 + body.length);
    entry.writeUInt32BE(body.length);
    entry.set(body, 4);
    return entry;
  };
}
