import { type Counter, exporter, type Host } from '#component';
import { createHttpServer, httpServerOptions, type ServerAnswer, type ServerRequest } from '#http';
import { formatLabels, type Snapshot } from '#metrics';
import { createPageWriter, negotiateFormat, type PageConflict, type PageFormat, type PageWriter } from '#prometheus';
import { type Config, config } from './config.ts';
import { type Dress, dresser } from './dress.ts';
import { flattener } from './flat.ts';
import { gate } from './gate.ts';
import { Sources } from './sources.ts';

export default exporter({
  type: 'prometheus',
  summary: 'Shows the newest state of all metrics on a page for Prometheus to scrape.',
  stability: 'beta',
  config,
  create(config, host) {
    const complaints = complaintsOf(host);
    const dressed = dresser(dressOf(config));
    const flattened = host.meter.counter('dnscol_exporter_prometheus_flattened_histograms_total', {
      help: 'Samples of native histograms shown by count and sum alone: a text page has no room for their buckets.',
      unit: '{datapoints}',
    });
    const flat = flattener((samples) => flattened.add(samples));
    const writer = createPageWriter({ timestamps: config.send_timestamps, onConflict: complaints.conflict });
    const sources = new Sources({
      clock: host.clock,
      expiration: config.metric_expiration,
      onCollision: (series, count) => complaints.collision(formatLabels(series.labels), count),
    });
    host.meter.gauge('dnscol_exporter_prometheus_series', () => sources.size, { help: 'Series on the page.' });
    const pages = pageCache(writer, sources);
    const first = gate(host.clock, config.wait_for_metrics);
    const idle = idleExit(config, host);
    const answer = pageHandler(config, pages);
    const server = createHttpServer(
      {
        ...httpServerOptions(config, host),
        methods: config.methods,
        async handle(request, signal) {
          idle.arm();
          await first.passed(signal);
          return answer(request);
        },
      },
      host.clock,
    );
    const address = () => `${config.tls ? 'https' : 'http'}://${server.address()}${config.path}`;
    let running = false;
    return {
      async start() {
        await server.start();
        idle.arm();
        running = true;
      },
      address,
      async consume(batch) {
        if (!running) throw new Error(`the page ${address()} is not served`);
        pages.clear();
        sources.take(batch.flatMap(flat).map((snapshot: Snapshot) => dressed(snapshot)));
        first.open();
      },
      async stop(signal) {
        running = false;
        idle.cancel();
        first.open();
        await server.stop(signal);
      },
    };
  },
});

function dressOf(config: Config): Dress {
  const { translation_strategy: strategy, resource_to_telemetry_conversion: conversion } = config;
  return {
    namespace: config.namespace,
    constLabels: config.const_labels ?? new Map(),
    resourceLabels: conversion?.enabled ?? false,
    excludeServiceAttributes: conversion?.exclude_service_attributes ?? false,
    suffixes: strategy ? strategy.endsWith('WithSuffixes') : config.add_metric_suffixes,
    classicNames: strategy?.startsWith('Underscore') ?? false,
  };
}

/** Ends the agent when it has not been armed again in time. */
function idleExit({ idle_exit: after }: Config, { clock, shutdown }: Host) {
  let cancel = () => {};
  return {
    arm() {
      cancel();
      if (after) cancel = clock.after(after, () => shutdown(`nobody has asked for the page for ${after / 1000} s`));
    },
    cancel: () => cancel(),
  };
}

interface Pages {
  page(format: PageFormat): Promise<Buffer>;
  /** There is something new. */
  clear(): void;
}

/** Readers that come at the same time share a page; it is kept until there is something new. */
function pageCache(writer: PageWriter, sources: Sources): Pages {
  const pages = new Map<string, Promise<Buffer>>();
  let version = 0;
  return {
    page(format) {
      // Series expire without anybody saying so.
      if (version !== sources.version()) pages.clear();
      version = sources.version();
      const known = pages.get(format.contentType);
      if (known) return known;
      const made = writer.write(sources.current(), format);
      pages.set(format.contentType, made);
      return made;
    },
    clear: () => pages.clear(),
  };
}

function pageHandler(config: Config, pages: Pages): (request: ServerRequest) => Promise<ServerAnswer> {
  return async ({ path, query, headers }) => {
    if (path !== config.path || (config.exact_path && query.size > 0))
      return { status: 404, body: `404 Not Found - Metrics available at ${config.path}\n` };
    const format = negotiateFormat(headers.accept, config.enable_open_metrics);
    return {
      status: 200,
      headers: { 'content-type': format.contentType, vary: 'Accept' },
      body: await pages.page(format),
    };
  };
}

/** A log line about the same kind of trouble at most this often, in milliseconds; the counters have all of it. */
const QUIET = 60_000;

function complaintsOf(host: Host) {
  const counter = (name: string, help: string, attributes?: Record<string, string>): Counter =>
    host.meter.counter(name, { help, ...(attributes ? { attributes } : {}) });
  const collisions = counter(
    'dnscol_exporter_prometheus_collisions_total',
    'Samples not shown: two sources report the series.',
  );
  const lastSaid = new Map<string, number>();
  const say = (what: string, message: string) => {
    const now = host.clock.monotonic();
    if (now - (lastSaid.get(what) ?? Number.NEGATIVE_INFINITY) < QUIET) return;
    lastSaid.set(what, now);
    host.log.warn(message);
  };
  return {
    collision(series: string, count: number) {
      collisions.add(count);
      const others = count > 1 ? ` and ${count - 1} more` : '';
      say('collision', `two sources report ${series}${others}; the one that came first is shown`);
    },
    conflict({ name, what }: PageConflict) {
      const help = 'Families on the page that sources describe differently.';
      counter('dnscol_exporter_prometheus_conflicts_total', help, { what }).add(1);
      if (what === 'type') say(what, `sources give ${name} different types; the first is shown`);
      if (what === 'name') say(what, `different names are ${name} once escaped; of equal series the first is shown`);
    },
  };
}
