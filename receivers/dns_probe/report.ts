import { formatEndpoint, type Message, typeName } from '#dns';
import type { Gathering } from '#kit';
import type { LookupTally } from './lookups.ts';
import { LEGACY_BUCKETS, METRICS, type ProbeMetric } from './metrics.ts';
import type { Place, Probe } from './place.ts';
import { Histogram } from './tally.ts';

type Labels = Readonly<Record<string, string>>;

export interface ReportOptions {
  isEnabled(metric: ProbeMetric): boolean;
}

/** Puts samples where they are gathered, those of metrics that are wanted. */
class Writer {
  readonly #gathering: Gathering;
  readonly #options: ReportOptions;

  constructor(gathering: Gathering, options: ReportOptions) {
    this.#gathering = gathering;
    this.#options = options;
  }

  put(metric: ProbeMetric, labels: Labels, value: number | undefined): void {
    if (value !== undefined && this.#options.isEnabled(metric)) this.#gathering.add(metric, labels, value);
  }

  histogram(metric: ProbeMetric, labels: Labels, histogram: Histogram): void {
    if (!this.#options.isEnabled(metric)) return;
    const counts = histogram.cumulative();
    counts.forEach((count, i) => {
      const le = i < histogram.bounds.length ? String(histogram.bounds[i]) : '+Inf';
      this.#gathering.add(metric, { ...labels, le }, count, `${metric.name}_bucket`);
    });
    this.#gathering.add(metric, labels, histogram.sum, `${metric.name}_sum`);
    this.#gathering.add(metric, labels, counts[counts.length - 1]!, `${metric.name}_count`);
  }
}

/** All that a place has to tell. */
export function reportPlace(place: Place, gathering: Gathering, options: ReportOptions): void {
  const writer = new Writer(gathering, options);
  const { labels } = place.space;
  writer.put(METRICS.servers, labels, place.servers.length);
  for (const probe of place.probes) {
    reportProbe(probe, labels, writer);
    reportCheck(probe, labels, writer);
  }
  for (const [name, tally] of place.lookups) reportLookup(tally, { ...labels, name }, writer);
  for (const [server, { sides }] of place.comparers) {
    for (const [key, side] of sides) {
      const [comparison, way] = key.split(' ') as [string, string];
      const own = { ...labels, server, comparison, side: way };
      writer.put(METRICS.compared, own, side.queries);
      writer.put(METRICS.comparedLost, own, side.lost);
      writer.put(METRICS.comparedSeconds, own, side.seconds);
      writer.put(METRICS.comparedBytes, own, side.bytes);
    }
  }
}

function reportProbe({ server, protocol, hostname, type, tally }: Probe, space: Labels, writer: Writer): void {
  const labels: Labels = {
    ...space,
    server: formatEndpoint(server.endpoint),
    protocol,
    name: hostname.name,
    type: typeName(type),
  };
  const { last } = tally;
  const message = last?.exchange.outcome.kind === 'answer' ? last.exchange.outcome.message : undefined;
  writer.put(METRICS.success, labels, last && Number(last.verdict.success));
  writer.put(METRICS.lastDuration, labels, last?.exchange.outcome.seconds);
  writer.put(METRICS.rcode, labels, message?.rcode);
  writer.put(METRICS.answers, labels, message && last?.verdict.answers.length);
  writer.put(METRICS.bytes, labels, message?.bytes.length);
  writer.put(METRICS.authentic, labels, message && Number(message.authenticData));
  writer.put(METRICS.queries, labels, tally.queries);
  writer.put(METRICS.truncated, labels, tally.truncated);
  writer.put(METRICS.skipped, labels, tally.skipped);
  for (const [rcode, count] of tally.responses) writer.put(METRICS.responses, { ...labels, rcode }, count);
  for (const [phase, count] of tally.timeouts) writer.put(METRICS.timeouts, { ...labels, phase }, count);
  for (const [reason, count] of tally.failures) writer.put(METRICS.failures, { ...labels, reason }, count);
  for (const [reason, count] of tally.ignored) writer.put(METRICS.ignored, { ...labels, reason }, count);
  writer.histogram(METRICS.duration, labels, tally.duration);
}

/** As the Collector's dns_check receiver: 1 for NOERROR, whatever was expected; addresses only of A and AAAA. */
function reportCheck({ server, hostname, type, tally }: Probe, space: Labels, writer: Writer): void {
  if (!tally.last) return;
  const labels: Labels = {
    ...space,
    'dns.server': server.text,
    'dns.domain': hostname.name,
    'dns.record.type': typeName(type),
  };
  const { exchange, verdict } = tally.last;
  const { outcome } = exchange;
  if (outcome.kind !== 'answer') {
    writer.put(METRICS.checkStatus, labels, 0);
    const why = outcome.kind === 'error' ? outcome.error.message : `timed out in the phase ${outcome.phase}`;
    writer.put(METRICS.checkError, { ...labels, 'error.message': why }, 1);
    return;
  }
  const addresses = isAddress(type) ? verdict.answers : [];
  writer.put(
    METRICS.checkStatus,
    { ...labels, ...statusLabels(outcome.message, addresses) },
    Number(outcome.message.rcode === 0),
  );
  writer.put(METRICS.checkDuration, labels, Math.trunc(outcome.seconds * 1000));
}

const isAddress = (type: number) => ['A', 'AAAA'].includes(typeName(type));

function statusLabels(message: Message, addresses: readonly string[]): Labels {
  return {
    'dns.rcode': String(message.rcode),
    'dns.resolved.ip': addresses[0] ?? '',
    'dns.resolved.all.ips': addresses.join(','),
  };
}

function reportLookup(tally: LookupTally, labels: Labels, writer: Writer): void {
  const { last } = tally;
  writer.put(METRICS.lookupSuccess, labels, last && Number(last.status === 'found'));
  writer.put(METRICS.lookupQueries, labels, last?.queries);
  writer.put(METRICS.lookupNames, labels, last?.names);
  writer.put(METRICS.lookupDuration, labels, last?.seconds);
  for (const [status, count] of tally.ended) writer.put(METRICS.lookups, { ...labels, status }, count);
}

/** The names of coredns-healthcheck (wjayesh/health), over all questions. */
export class Legacy {
  readonly #times = new Histogram(LEGACY_BUCKETS);
  #count = 0;

  note(seconds: number): void {
    this.#count++;
    this.#times.observe(seconds);
  }

  report(gathering: Gathering, options: ReportOptions): void {
    const writer = new Writer(gathering, options);
    writer.put(METRICS.legacyCount, {}, this.#count);
    writer.histogram(METRICS.legacyTime, {}, this.#times);
  }
}
