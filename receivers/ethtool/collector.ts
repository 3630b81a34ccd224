import type { Host } from '#component';
import { Gathering, SampledCounter, turns } from '#kit';
import { codeOf, type Statistic, type Values } from '#linux';
import type { Batch } from '#metrics';
import { DRIVER, INFO, PEAK, STATISTIC } from './metrics.ts';
import { nodeExporterMetrics } from './names.ts';
import type { Place } from './places.ts';

export interface CollectorOptions {
  naming: 'ethtool_exporter' | 'node_exporter';
  isWanted(statistic: string): boolean;
  /** Is the statistic looked at between collections? */
  isSampled(statistic: string): boolean;
}

type Labels = Readonly<Record<string, string>> & { readonly device: string };

/** A sampled statistic: where it stands among the driver's, and what became of it. */
interface Sampled {
  readonly index: number;
  readonly name: string;
  readonly counter: SampledCounter;
}
interface Device {
  readonly place: Place;
  readonly name: string;
  /** How many statistics the driver had; another number means another layout. */
  readonly count: number;
  readonly sampled: Sampled[];
  /** Reads them between collections; absent where nothing is sampled, or the kernel cannot be asked. */
  readonly values: Values | undefined;
}

/** Reads the interfaces, and remembers what sampling saw of them. */
export class EthtoolCollector {
  readonly #host: Host;
  readonly #options: CollectorOptions;
  readonly #gathering = new Gathering();
  readonly #complaints = new Set<string>();
  #devices = new Map<string, Device>();

  constructor(host: Host, options: CollectorOptions) {
    this.#host = host;
    this.#options = options;
  }

  /** Reads the interfaces of these places. */
  async collect(places: readonly Place[], signal: AbortSignal): Promise<Batch> {
    const time = this.#host.clock.now();
    const before = this.#devices;
    this.#devices = new Map();
    const turn = turns(signal);
    for (const place of places) {
      for (const name of place.devices()) {
        await turn();
        try {
          await this.#read(place, name, before.get(`${place.key}/${name}`), signal);
        } catch (error) {
          signal.throwIfAborted();
          this.#complain(name, error);
        }
      }
    }
    return this.#gathering.finish(time);
  }

  /** Has any interface of the last collection a sampled statistic? */
  get isWatching(): boolean {
    for (const { values } of this.#devices.values()) if (values) return true;
    return false;
  }

  /** One look at the sampled statistics of every interface that the last collection saw: a microsecond or ten each. */
  look(now: number): void {
    for (const { values, sampled } of this.#devices.values()) {
      try {
        if (values?.read()) for (const { index, counter } of sampled) counter.note(values.at(index), now);
      } catch {
        // Gone meanwhile: the next collection tells.
      }
    }
  }

  async #read(place: Place, name: string, known: Device | undefined, signal: AbortSignal): Promise<void> {
    const { naming, isWanted } = this.#options;
    const labels = { ...place.labels, device: name };
    const statistics = await place.source.statistics(name, signal);
    if (naming === 'node_exporter') await this.#driver(place, labels, signal);
    else await this.#link(place, labels, signal);
    const wanted = statistics.filter(({ name }) => isWanted(name));
    const metrics = naming === 'node_exporter' ? nodeExporterMetrics(wanted.map((s) => s.name)) : undefined;
    for (const { name: type, value } of wanted) {
      const metric = metrics ? metrics.get(type) : STATISTIC;
      // A statistic that a driver names twice counts once, the first.
      if (metric) this.#gathering.add(metric, metrics ? labels : { ...labels, type }, value);
    }
    const sampled = this.#sample(known, statistics, labels);
    const count = statistics.length;
    const same = known?.sampled === sampled && known.place.source === place.source;
    const values = same ? known.values : sampled.length ? place.source.kernel?.values(name, count) : undefined;
    this.#devices.set(`${place.key}/${name}`, { place, name, count, sampled, values });
  }

  #sample(known: Device | undefined, statistics: readonly Statistic[], labels: Labels): Sampled[] {
    const now = this.#host.clock.monotonic();
    const { isSampled, isWanted } = this.#options;
    const same = known?.count === statistics.length && known.sampled.every((s) => statistics[s.index]!.name === s.name);
    const sampled = same
      ? known.sampled
      : statistics.flatMap(({ name }, index) =>
          isSampled(name) && isWanted(name) ? [{ index, name, counter: new SampledCounter() }] : [],
        );
    for (const { index, name, counter } of sampled) {
      counter.note(statistics[index]!.value, now);
      this.#gathering.add(PEAK, { ...labels, type: name }, counter.collect().peakPerSecond);
    }
    return sampled;
  }

  async #link({ source }: Place, own: Labels, signal: AbortSignal): Promise<void> {
    const { speed, duplex, port, detected } = await source.link(own.device, signal);
    const labels = {
      ...own,
      // The exporter prints a float here, and 0 for a speed that the driver does not know.
      speed: speed === undefined ? '0' : `${speed}.0`,
      duplex: duplex ?? '',
      port: port ?? '',
      link_detected: detected === undefined ? '' : detected ? 'yes' : 'no',
    };
    this.#gathering.add(INFO, labels, 1);
  }

  async #driver({ source }: Place, own: Labels, signal: AbortSignal): Promise<void> {
    const info = await source.driver(own.device, signal);
    if (!info) return;
    const labels = {
      ...own,
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
