import type { Counter, Host } from '#component';
import { createRoot } from '#linux';
import type { Batch, Snapshot } from '#metrics';
import { createNameservers, findCorefiles, type Loaded, type LoadOptions, loadCorefile } from './load.ts';
import { METRICS } from './metrics.ts';
import { type Nameservers, type Sample, samplesOf } from './samples.ts';
import { CorefileSeries } from './series.ts';

export interface CollectorOptions extends LoadOptions {
  readonly paths: readonly string[];
}

interface Watched {
  readonly series: CorefileSeries;
  /** What was last loaded with success: CoreDNS, too, goes on with it while the file is broken. */
  loaded?: Loaded & { readonly time: number };
  trouble: string;
}

/** More series than these from one file are no configuration that anybody wrote. */
const MAX_SERIES = 20_000;

/** Reads Corefiles, and remembers them from one collection to the next. */
export class CorefileCollector {
  readonly #host: Host;
  readonly #options: CollectorOptions;
  readonly #scraped: Counter;
  readonly #errored: Counter;
  #watched = new Map<string, Watched>();

  constructor(host: Host, options: CollectorOptions) {
    this.#host = host;
    this.#options = options;
    const count = (name: string, help: string) =>
      host.meter.counter(name, { help, unit: '{datapoints}', attributes: { scraper: 'corefile' } });
    this.#scraped = count('otelcol_scraper_scraped_metric_points', 'Number of metric points successfully scraped.');
    this.#errored = count(
      'otelcol_scraper_errored_metric_points',
      'Number of metric points that were unable to be scraped.',
    );
  }

  /** One snapshot for each Corefile, and staleness markers for what has gone. */
  async collect(signal: AbortSignal): Promise<Batch> {
    const { rootPath, paths } = this.#options;
    const time = this.#host.clock.now();
    const batch: Snapshot[] = [];
    const now = new Map<string, Watched>();
    const nameservers = createNameservers(rootPath);
    for (const path of findCorefiles(createRoot(rootPath), paths)) {
      const watched = this.#watched.get(path) ?? { series: new CorefileSeries(), trouble: '' };
      now.set(path, watched);
      batch.push(...watched.series.take(this.#read(path, watched, nameservers, time), time));
      await new Promise(setImmediate);
      signal.throwIfAborted();
    }
    for (const [path, { series }] of this.#watched) if (!now.has(path)) batch.push(...series.end(time));
    this.#watched = now;
    this.#scraped.add(batch.reduce((sum, { values }) => sum + values.length, 0));
    this.#report(now);
    return batch;
  }

  #read(path: string, watched: Watched, nameservers: Nameservers, time: number): Sample[] {
    const said = this.#load(path, watched, nameservers, time);
    const success: Sample = { metric: METRICS.parseSuccess, labels: [path], value: watched.trouble ? 0 : 1 };
    if (!watched.loaded) return [success];
    return [success, { metric: METRICS.lastLoad, labels: [path], value: watched.loaded.time / 1000 }, ...said];
  }

  /** What the Corefile says, or last said. */
  #load(path: string, watched: Watched, nameservers: Nameservers, time: number): Sample[] {
    try {
      const found = loadCorefile(path, this.#options);
      if (!found) {
        delete watched.loaded;
        throw new Error(`there is no ${path}`);
      }
      const samples = checked(samplesOf(path, found.corefile, nameservers));
      const isKnown = watched.loaded?.fingerprint === found.fingerprint;
      watched.loaded = { ...found, time: isKnown ? watched.loaded!.time : time };
      this.#notice(path, watched, '');
      return samples;
    } catch (error) {
      this.#errored.add(1);
      this.#notice(path, watched, (error as Error).message);
      return watched.loaded ? samplesOf(path, watched.loaded.corefile, nameservers) : [];
    }
  }

  /** Says what is wrong once, until it changes. */
  #notice(path: string, watched: Watched, trouble: string): void {
    if (trouble && trouble !== watched.trouble) this.#host.log.warn('cannot load a Corefile', { path, error: trouble });
    if (!trouble && watched.trouble) this.#host.log.info('a Corefile can be loaded again', { path });
    watched.trouble = trouble;
  }

  #report(watched: ReadonlyMap<string, Watched>): void {
    const broken = [...watched].filter(([, { trouble }]) => trouble !== '');
    if (broken.length) this.#host.report('recoverable', broken.map(([, { trouble }]) => trouble).join('; '));
    else if (watched.size === 0)
      this.#host.report('recoverable', `no Corefile matches ${this.#options.paths.join(', ')}`);
    else this.#host.report('ok');
  }
}

function checked(samples: Sample[]): Sample[] {
  if (samples.length > MAX_SERIES) throw new Error(`makes ${samples.length} series, more than ${MAX_SERIES}`);
  return samples;
}
