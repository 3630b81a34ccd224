import type { Host } from '#component';
import { Gathering, SampledCounter } from '#kit';
import { codeOf, type Ethtool } from '#linux';
import type { Batch } from '#metrics';
import { DRIVER, INFO, PEAK, STATISTIC } from './metrics.ts';
import { nodeExporterMetrics } from './names.ts';
import type { Source } from './source.ts';

export interface CollectorOptions {
  naming: 'ethtool_exporter' | 'node_exporter';
  /** The interfaces of now. */
  devices(): string[];
  isWanted(statistic: string): boolean;
  /** Is the statistic looked at between collections? */
  isSampled(statistic: string): boolean;
}

/** A sampled statistic: where it stands among the driver's, and what became of it. */
interface Sampled {
  readonly index: number;
  readonly name: string;
  readonly counter: SampledCounter;
}
interface Device {
  /** How many statistics the driver had; another number means another layout. */
  count: number;
  sampled: Sampled[];
}

/** Reads the interfaces, and remembers what sampling saw of them. */
export class EthtoolCollector {
  readonly #source: Source;
  readonly #host: Host;
  readonly #options: CollectorOptions;
  readonly #gathering = new Gathering();
  readonly #complaints = new Set<string>();
  #devices = new Map<string, Device>();

  constructor(source: Source, host: Host, options: CollectorOptions) {
    this.#source = source;
    this.#host = host;
    this.#options = options;
  }

  async collect(signal: AbortSignal): Promise<Batch> {
    const time = this.#host.clock.now();
    const before = this.#devices;
    this.#devices = new Map();
    for (const device of this.#options.devices()) {
      signal.throwIfAborted();
      try {
        await this.#read(device, before.get(device), signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#complain(device, error);
      }
    }
    return this.#gathering.finish(time);
  }

  /** One look at the sampled statistics of every interface that the last collection saw: a microsecond or ten each. */
  look(kernel: Ethtool, now: number): void {
    for (const [name, device] of this.#devices) {
      if (!device.sampled.length) continue;
      try {
        const values = kernel.values(name, device.count);
        if (values) for (const { index, counter } of device.sampled) counter.note(values[index]!, now);
      } catch {
        // Gone meanwhile: the next collection tells.
      }
    }
  }

  async #read(device: string, known: Device | undefined, signal: AbortSignal): Promise<void> {
    const { naming, isWanted } = this.#options;
    const statistics = await this.#source.statistics(device, signal);
    if (naming === 'node_exporter') await this.#driver(device, signal);
    else await this.#link(device, signal);
    const wanted = statistics.filter(({ name }) => isWanted(name));
    const metrics = naming === 'node_exporter' ? nodeExporterMetrics(wanted.map((s) => s.name)) : undefined;
    for (const { name, value } of wanted) {
      const metric = metrics ? metrics.get(name) : STATISTIC;
      // A statistic that a driver names twice counts once, the first.
      if (metric) this.#gathering.add(metric, metrics ? { device } : { device, type: name }, value);
    }
    this.#sample(
      device,
      known,
      statistics.map((s) => s.name),
      statistics.map((s) => s.value),
    );
  }

  #sample(device: string, known: Device | undefined, names: string[], values: number[]): void {
    const now = this.#host.clock.monotonic();
    const same = known?.count === names.length && known.sampled.every((s) => names[s.index] === s.name);
    const { isSampled, isWanted } = this.#options;
    const sampled = same
      ? known.sampled
      : names.flatMap((name, index) =>
          isSampled(name) && isWanted(name) ? [{ index, name, counter: new SampledCounter() }] : [],
        );
    for (const { index, name, counter } of sampled) {
      counter.note(values[index]!, now);
      this.#gathering.add(PEAK, { device, type: name }, counter.collect().peakPerSecond);
    }
    this.#devices.set(device, { count: names.length, sampled });
  }

  async #link(device: string, signal: AbortSignal): Promise<void> {
    const { speed, duplex, port, detected } = await this.#source.link(device, signal);
    const labels = {
      device,
      // The exporter prints a float here, and 0 for a speed that the driver does not know.
      speed: speed === undefined ? '0' : `${speed}.0`,
      duplex: duplex ?? '',
      port: port ?? '',
      link_detected: detected === undefined ? '' : detected ? 'yes' : 'no',
    };
    this.#gathering.add(INFO, labels, 1);
  }

  async #driver(device: string, signal: AbortSignal): Promise<void> {
    const info = await this.#source.driver(device, signal);
    if (!info) return;
    const labels = {
      device,
      driver: info.driver,
      version: info.version,
      bus_info: info.busInfo,
      firmware_version: info.firmwareVersion,
      expansion_rom_version: info.expansionRomVersion,
    };
    this.#gathering.add(DRIVER, labels, 1);
  }

  /** An interface that has gone is no news; everything else is told once a device and trouble. */
  #complain(device: string, error: unknown): void {
    const code = codeOf(error);
    if (code === 'ENODEV') return;
    const key = `${device} ${code}`;
    if (this.#complaints.has(key)) return;
    this.#complaints.add(key);
    this.#host.log.warn('cannot read an interface', { device, error });
  }
}
