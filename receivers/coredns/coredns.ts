import { hostname } from 'node:os';
import { type Consumer, type Host, type Receiver, receiver } from '#component';
import * as s from '#config';
import { createHttpClient, shownUrl } from '#http';
import { formatPromDuration, Job, prometheusConfig, REPORT_METRICS, scrapeMetrics, type Target } from '#prometheus';
import { Bridge } from './bridge.ts';
import { Checks } from './checks.ts';
import { checksFor, isPlace, KINDS, type Page, pagesAt } from './endpoints.ts';
import { findPages, groupOf } from './find.ts';
import { CHECK_METRICS } from './metrics.ts';

const place = s.string({
  check: (text) => (isPlace(text) ? undefined : 'must be auto, none, a URL or :port/path'),
});

const config = s.check(
  s.object({
    kind: s.withDefault(s.oneOf('auto', ...KINDS), 'auto', 'Which server it is; `auto`: look for all of them.'),
    endpoints: s.withDefault(
      s.strings(s.string({ nonEmpty: true })),
      ['127.0.0.1'],
      'Where the metrics are: URLs, `host:port`, or hosts, whose usual ports are taken.',
    ),
    ready_endpoint: s.withDefault(
      place,
      'auto',
      'The readiness endpoint: a URL, `:8181/ready` on the host of the metrics, `auto` for its usual place, `none`.',
    ),
    health_endpoint: s.withDefault(place, 'auto', 'The health endpoint, written the same way.'),
    metric_names: s.withDefault(
      s.oneOf('both', 'current', 'legacy'),
      'both',
      'Give series the names of CoreDNS 1.11 and later (`current`), the ones before (`legacy`), or both.',
    ),
    job: s.optional(s.string({ nonEmpty: true }), "The label `job`; the server's kind when left out."),
    collection_interval: s.withDefault(s.duration({ min: 1 }), '1m', 'Time between two scrapes.'),
    initial_delay: s.withDefault(
      s.duration(),
      '1s',
      'Time before the first scrape, besides its place in the interval.',
    ),
    timeout: s.withDefault(s.duration({ min: 1 }), '10s', 'How long one request may take; at most the interval.'),
  }),
  (value, complain) => {
    value.endpoints.forEach((endpoint, i) => {
      try {
        pagesAt(endpoint, value.kind);
      } catch (error) {
        complain(`endpoints[${i}]`, (error as Error).message);
      }
    });
  },
);
type Config = s.Infer<typeof config>;

/** Scrapes the cluster's DNS servers, whatever version they are, and asks whether they are ready and healthy. */
export default receiver<Config>({
  type: 'coredns',
  summary: 'CoreDNS, NodeLocal DNSCache and kube-dns: their metrics under old and new names, readiness and health',
  stability: 'beta',
  transport: 'http',
  config,
  metrics: [...REPORT_METRICS, ...CHECK_METRICS],
  create,
});

function create(options: Config, host: Host, next: Consumer): Receiver {
  const pages = options.endpoints.flatMap((endpoint) => pagesAt(endpoint, options.kind));
  const timeout = Math.min(options.timeout, options.collection_interval);
  const userAgent = `dnscol/${host.version}`;
  const stopping = new AbortController();
  const client = createHttpClient({ keepAlive: false }, host.clock);
  const asks = whoAsks(pages);

  /** Bridges a target's names, and adds what its endpoints say. */
  function nextOf(target: Target): Consumer {
    const bridge = new Bridge(options.metric_names);
    const page = asks.get(target.url.href);
    const { clock } = host;
    const { labels, resource } = target;
    const checks = page ? checksFor(page, options.ready_endpoint, options.health_endpoint) : [];
    const asker = new Checks({ client, clock, checks, timeout, userAgent, labels, resource });
    return {
      async consume(batch, signal) {
        const { batch: bridged, arrived } = bridge.bridge(batch);
        const answers = checks.length ? await asker.ask(batch[0]?.time ?? clock.now(), stopping.signal) : [];
        await next.consume([...bridged, ...answers], signal);
        arrived();
      },
    };
  }

  const guessed = pages.filter((page) => page.guessed);
  let found = 0;
  const finder = findPages(
    {
      client,
      clock: host.clock,
      pages: guessed,
      interval: options.collection_interval,
      timeout,
      userAgent,
      found({ kind, url }) {
        found++;
        host.log.info('found a DNS server', { kind, endpoint: shownUrl(url) });
      },
    },
    options.job,
  );
  let job: Job | undefined;
  return {
    async start() {
      job = new Job({
        config: { ...scrapeConfig(options, timeout), groups: sure(pages).map((page) => groupOf(page, options.job)) },
        host,
        next,
        nextOf,
        discoveries: guessed.length ? [finder] : [],
        metrics: scrapeMetrics(host.meter),
        externalLabels: new Map(),
        seed: hostname(),
        initialOffset: options.initial_delay,
      });
      await job.start();
      if (guessed.length && !found) {
        host.log.info('found no DNS server yet', { looked_at: guessed.map(({ url }) => url.host).join(', ') });
      }
      host.report('ok');
    },
    async stop(signal) {
      stopping.abort(new Error('the receiver is stopping'));
      await job?.stop(signal, false);
      job = undefined;
      client.close();
    },
  };
}

const sure = (pages: readonly Page[]) => pages.filter((page) => !page.guessed);

/** The first page of each server, by its address: a server is asked once, however many pages it has. */
function whoAsks(pages: readonly Page[]): Map<string, Page> {
  const servers = new Set<string>();
  const asks = new Map<string, Page>();
  for (const page of pages) {
    const server = `${page.kind} ${page.url.hostname}`;
    if (servers.has(server)) continue;
    servers.add(server);
    asks.set(page.url.href, page);
  }
  return asks;
}

/** These servers give no timestamps, so what their pages might say of the time is left aside. */
function scrapeConfig(options: Config, timeout: number) {
  return s.parse(prometheusConfig, {
    scrape_configs: [
      {
        job_name: 'coredns',
        scrape_interval: formatPromDuration(options.collection_interval),
        scrape_timeout: formatPromDuration(timeout),
        honor_timestamps: false,
      },
    ],
  }).scrapes[0]!;
}
