import type { Counter, Host } from '#component';
import { deadline, Gatherings } from '#kit';
import { codeOf } from '#linux';
import { type Batch, pointCount } from '#metrics';
import { Asker } from './asker.ts';
import type { Options } from './config.ts';
import { METRICS, type ProbeMetric } from './metrics.ts';
import { Place } from './place.ts';
import { Legacy, type ReportOptions, reportPlace } from './report.ts';
import type { ProbeSpace, ProbeSpaces } from './spaces.ts';

/** The share of the time between two collections that probing may take: results come before the next one begins. */
const SHARE = 0.9;

/** Asks everything once a collection, from every space that there is, and remembers what came of it. */
export class Prober {
  readonly #host: Host;
  readonly #options: Options;
  readonly #spaces: ProbeSpaces;
  readonly #asker: Asker;
  readonly #gatherings = new Gatherings();
  readonly #legacy = new Legacy();
  readonly #report: ReportOptions;
  readonly #scraped: Counter;
  readonly #complaints = new Set<string>();
  #places = new Map<string, Place>();

  constructor(host: Host, options: Options, spaces: ProbeSpaces) {
    this.#host = host;
    this.#options = options;
    this.#spaces = spaces;
    this.#asker = new Asker(host.clock, {
      perSecond: options.max_queries_per_second,
      concurrent: options.max_concurrent,
    });
    const names = options.metric_names ?? (host.id.split('/')[0] === 'dns_check' ? 'dnscheck' : 'dnscol');
    this.#report = { isEnabled: (metric) => options.metrics.get(metric.name)?.enabled ?? isUsual(metric, names) };
    this.#scraped = host.meter.counter('otelcol_scraper_scraped_metric_points', {
      help: 'Number of metric points successfully scraped.',
      unit: '{datapoints}',
      attributes: { scraper: 'dns_probe' },
    });
  }

  /** Rejects only when the signal aborts: DNS that is sick is a result. */
  async collect(signal: AbortSignal): Promise<Batch> {
    const { clock } = this.#host;
    const end = deadline(clock, this.#options.collection_interval * SHARE, signal);
    try {
      this.#asker.forget();
      this.#settle(await this.#spaces.list(end.signal));
      await Promise.all([...this.#places.values()].map((place) => place.run(end.signal)));
    } finally {
      end.end();
    }
    signal.throwIfAborted();
    return this.#write(clock.now());
  }

  close(): void {
    this.#asker.close();
    for (const place of this.#places.values()) place.close();
    this.#places.clear();
  }

  /** Spaces that went take their counts with them; those that came begin at zero. */
  #settle(spaces: readonly ProbeSpace[]): void {
    const before = this.#places;
    this.#places = new Map(
      spaces.map((space) => {
        const known = before.get(space.key);
        const place = known && isSame(known.space, space) ? known : undefined;
        return [space.key, place ?? this.#placeOf(space)];
      }),
    );
    for (const [key, place] of before) if (this.#places.get(key) !== place) place.close();
  }

  #placeOf(space: ProbeSpace): Place {
    return new Place(space, this.#asker, this.#options, {
      onAsked: (seconds) => this.#legacy.note(seconds),
      onTrouble: (error) =>
        this.#once(codeOf(error), 'cannot read the resolv.conf of a place', { ...space.labels, error }),
    });
  }

  #write(time: number): Batch {
    const seen = [...this.#places.values()].filter((place) => !place.space.lost);
    for (const place of seen) reportPlace(place, this.#gatherings.of(place.space.key), this.#report);
    if (this.#options.legacy_names) this.#legacy.report(this.#gatherings.of('legacy'), this.#report);
    const batch = this.#gatherings.finish(time);
    this.#scraped.add(pointCount(batch));
    this.#tell(seen);
    return batch;
  }

  #tell(seen: readonly Place[]): void {
    const { trouble } = this.#spaces;
    const { root_path, resolv_conf } = this.#options;
    const aimless = seen.some((place) => place.space.key === 'own' && place.servers.length === 0);
    const why = aimless
      ? `there is no ${resolv_conf} under ${root_path} to name the servers; write it there, or give dns_servers`
      : trouble && `probes from its own network namespace only: ${trouble}`;
    if (why) this.#host.report('recoverable', why);
    else this.#host.report('ok');
  }

  #once(key: string, message: string, fields?: Record<string, unknown>): void {
    if (this.#complaints.has(key)) return;
    this.#complaints.add(key);
    this.#host.log.warn(message, fields);
  }
}

/** A key may be used again by another namespace. */
const isSame = (a: ProbeSpace, b: ProbeSpace) =>
  a === b || (a.key === 'own' && JSON.stringify(a.labels) === JSON.stringify(b.labels));

const CHECK_METRICS: readonly ProbeMetric[] = [METRICS.checkStatus, METRICS.checkDuration, METRICS.checkError];

/** Whether a metric is made unless `metrics` says otherwise. */
function isUsual(metric: ProbeMetric, names: NonNullable<Options['metric_names']>): boolean {
  const isLegacy = metric === METRICS.legacyCount || metric === METRICS.legacyTime;
  const isNamed = isLegacy || names === 'both' || (names === 'dnscheck') === CHECK_METRICS.includes(metric);
  return isNamed && metric.enabled;
}
