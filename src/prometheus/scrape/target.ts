import { isIP } from 'node:net';
import type { Clock } from '#clock';
import { type Labels, labelMap, labelsHash, labelsKey, labelValue, type Resource, sortedLabels } from '#metrics';
import { formatPromDuration, parsePromDuration, type ScrapeConfig } from '../config/config.ts';
import type { HistogramForms } from './parsing.ts';
import { targetResource } from './resource.ts';

/** One page to scrape. Times in milliseconds. */
export interface Target {
  /** Two targets with the same key are the same target. */
  readonly key: string;
  /** What its samples carry: no `__…__` labels. */
  readonly labels: Labels;
  /** The attribute that no label tells; the OTLP door makes `server.address` and the like from `instance`. */
  readonly resource: Resource;
  readonly url: URL;
  readonly interval: number;
  readonly timeout: number;
  readonly histograms: HistogramForms;
}

type LabelMap = ReadonlyMap<string, string>;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** The labels of a target before relabelling: its own, its group's, and what the scrape configuration says by default. */
export function discoveredLabels(config: ScrapeConfig, own: LabelMap, group: LabelMap): Map<string, string> {
  const labels = new Map([...group, ...own]);
  const defaults: [string, string][] = [
    ['job', config.job],
    ['__scrape_interval__', formatPromDuration(config.interval)],
    ['__scrape_timeout__', formatPromDuration(config.timeout)],
    ['__metrics_path__', config.metricsPath],
    ['__scheme__', config.scheme],
    ['__convert_classic_histograms_to_nhcb__', String(config.nativeLabels.convert)],
    ['__always_scrape_classic_histograms__', String(config.nativeLabels.classic)],
    ['__scrape_native_histograms__', String(config.nativeLabels.native)],
  ];
  for (const [name, [first]] of config.params) if (first !== undefined) defaults.push([`__param_${name}`, first]);
  for (const [name, value] of defaults) if (!labels.get(name)) labels.set(name, value);
  return labels;
}

/**
 * All labels of a target after `relabel`, the `__…__` ones that say how to scrape it included and the `__meta_…` ones gone;
 * undefined when relabelling drops it. Throws a sentence when it cannot be scraped. Prometheus' PopulateLabels.
 */
export function populateLabels(
  config: ScrapeConfig,
  own: LabelMap,
  group: LabelMap,
  relabel: (labels: Labels) => Labels | undefined,
): Labels | undefined {
  const relabelled = relabel(sortedLabels(discoveredLabels(config, own, group)));
  if (!relabelled) return undefined;
  const labels = labelMap(relabelled);
  const address = labels.get('__address__');
  if (!address) throw new Error('no address');
  if (/[/\\?#@\s]/.test(address)) throw new Error(`${JSON.stringify(address)} is not a valid hostname`);
  checkTimes(labels.get('__scrape_interval__') ?? '', labels.get('__scrape_timeout__') ?? '');
  checkBool(labels, '__convert_classic_histograms_to_nhcb__', 'convert classic histograms to nhcb');
  checkBool(labels, '__always_scrape_classic_histograms__', 'always scrape classic histograms');
  checkBool(labels, '__scrape_native_histograms__', 'scrape native histograms');
  for (const name of [...labels.keys()]) if (name.startsWith('__meta_')) labels.delete(name);
  if (!labels.get('instance')) labels.set('instance', address);
  for (const [name, value] of labels) {
    if (LONE_SURROGATE.test(value)) throw new Error(`invalid label value for "${name}": ${JSON.stringify(value)}`);
  }
  return sortedLabels(labels);
}

function checkTimes(interval: string, timeout: string): void {
  const [every, within] = [times(interval, 'scrape interval'), times(timeout, 'scrape timeout')];
  if (within > every) {
    throw new Error(`scrape timeout cannot be greater than scrape interval ("${timeout}" > "${interval}")`);
  }
}

function times(text: string, what: string): number {
  let ms: number;
  try {
    ms = parsePromDuration(text);
  } catch (error) {
    throw new Error(`error parsing ${what}: ${(error as Error).message}`, { cause: error });
  }
  if (ms === 0) throw new Error(`${what} cannot be 0`);
  return ms;
}

/** Go's strconv.ParseBool. */
function checkBool(labels: LabelMap, name: string, what: string): void {
  const value = labels.get(name);
  if (!value || /^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(value)) return;
  throw new Error(`error parsing ${what}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}

const isTrue = (labels: Labels, name: string): boolean => /^(1|t|T|TRUE|true|True)$/.test(labelValue(labels, name));

const forms = new Map<string, HistogramForms>();

/** One object for all targets that want the same. */
function histogramForms(native: boolean, classic: boolean, convert: boolean): HistogramForms {
  const key = `${native} ${classic} ${convert}`;
  const known = forms.get(key) ?? Object.freeze({ native, classic, convert });
  forms.set(key, known);
  return known;
}

/**
 * A target from the labels that `populateLabels` gives; `discovered` gives those that discovery found. Throws when they make
 * no http or https URL.
 */
export function makeTarget(
  labels: Labels,
  params: ScrapeConfig['params'],
  discovered: (label: string) => string | undefined = () => undefined,
): Target {
  const own = labelMap(labels);
  for (const name of own.keys()) if (name.startsWith('__')) own.delete(name);
  const url = targetUrl(labels, params);
  return {
    key: labelsKey(labels),
    labels: sortedLabels(own),
    resource: targetResource(url.protocol, discovered),
    url,
    interval: parsePromDuration(labelValue(labels, '__scrape_interval__')),
    timeout: parsePromDuration(labelValue(labels, '__scrape_timeout__')),
    histograms: histogramForms(
      isTrue(labels, '__scrape_native_histograms__'),
      isTrue(labels, '__always_scrape_classic_histograms__'),
      isTrue(labels, '__convert_classic_histograms_to_nhcb__'),
    ),
  };
}

/** Where the page is. A `__param_x` label takes the place of the first value of the parameter `x`. */
export function targetUrl(labels: Labels, params: ScrapeConfig['params']): URL {
  const values = new Map([...params].map(([name, list]) => [name, [...list]]));
  for (let i = 0; i < labels.length; i += 2) {
    if (!labels[i]!.startsWith('__param_')) continue;
    const name = labels[i]!.slice('__param_'.length);
    values.set(name, [labels[i + 1]!, ...(values.get(name) ?? []).slice(1)]);
  }
  const scheme = labelValue(labels, '__scheme__');
  if (scheme !== 'http' && scheme !== 'https')
    throw new Error(`the scheme ${JSON.stringify(scheme)} is not http or https`);
  const path = labelValue(labels, '__metrics_path__');
  const address = labelValue(labels, '__address__');
  const url = new URL(`${scheme}://${address}`);
  checkHost(url.hostname, address);
  url.pathname = path;
  const query = new URLSearchParams();
  for (const name of [...values.keys()].sort()) for (const value of values.get(name)!) query.append(name, value);
  url.search = query.toString();
  return url;
}

/**
 * A URL takes `0x7f.1`, `2130706433` and `127%2e0.0.1` for 127.0.0.1. A relabelling rule that keeps addresses by how they are
 * written would let those by, so only an address that is written as it is asked for is one.
 */
function checkHost(host: string, address: string): void {
  if (address.startsWith('[')) return;
  const written = address.replace(/:\d*$/, '').toLowerCase();
  // A name with letters of other scripts is asked for in its ASCII form.
  const mayDiffer = /[^\0-\x7f]/.test(written) && isIP(host) === 0;
  if (host !== written && !mayDiffer) throw new Error(`${JSON.stringify(address)} is not a valid hostname`);
}

/** Milliseconds; targets whose places in the interval fall together like this are scraped in one go. */
const GRID = 100;
const gridOf = (interval: number): number => Math.min(GRID, interval / 10);

/**
 * Milliseconds from `now` to the target's next slot. A slot is a fixed place in each interval, counted from the epoch, so
 * targets spread over the interval and one keeps its place over restarts; `seed` keeps two agents apart. There are ten slots
 * in an interval, or one each 100 ms.
 */
export function scrapeOffset(target: Target, seed: string, now: number): number {
  const place = labelsHash([seed, target.key]) % target.interval;
  const grid = gridOf(target.interval);
  // Where in a step of the grid is the seed's alone, or all agents of a cluster would scrape at the same moments.
  const phase = labelsHash([seed]) % grid;
  const slot = Math.floor(place / grid) * grid + phase;
  const wait = (slot - (now % target.interval)) % target.interval;
  return wait < 0 ? wait + target.interval : wait;
}

/** What the wall clock is ahead of the monotonic one; read once, so that equal slots are equal moments. */
const leads = new WeakMap<Clock, number>();

/**
 * The moment of a target's first scrape from now on, on the monotonic clock. The step of the grid that has just begun is not
 * over: where `joins`, its targets are scraped now, late by a part of it, rather than an interval later.
 */
export function firstScrape(clock: Clock, target: Target, seed: string, joins = false): number {
  const lead = clock.now() - clock.monotonic();
  const before = leads.get(clock) ?? lead;
  // The clocks are not read in the same instant; a wall clock that was set is another matter.
  const ahead = Math.abs(lead - before) < 50 ? before : lead;
  leads.set(clock, ahead);
  const now = clock.monotonic();
  const wait = scrapeOffset(target, seed, ahead + now);
  const isUnderWay = joins && target.interval - wait < gridOf(target.interval);
  return now + wait - (isUnderWay ? target.interval : 0);
}
