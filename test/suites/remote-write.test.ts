import { expect } from 'chai';
import type { Exporter, ExporterFactory, ReceiverFactory, Receiver as Scraper } from '#component';
import { parse } from '#config';
import prometheusremotewrite from '../../exporters/prometheusremotewrite/prometheusremotewrite.ts';
import prometheus from '../../receivers/prometheus/prometheus.ts';
import { FakeClock } from '../support/clock.ts';
import { fakeHost } from '../support/host.ts';
import { receiver } from '../support/receiver.ts';
import { type Runner, runOf, rw1Checks } from '../support/rw1-cases.ts';
import { closeServers, httpServer, until } from '../support/servers.ts';
import { suite } from '../support/suites.ts';

interface Case {
  name: string;
  exposition_or_setup: string;
  expected: string;
}

const remoteWrite = suite('remote-write');
const { cases } = remoteWrite.json<{ cases: Case[] }>('rw1-suite-cases.json');
const never = new AbortController().signal;

const ended: (Scraper | Exporter)[] = [];

/** A target that is scraped once a second, by the clock, into a remote-write receiver: as the suite sets it up. */
const run: Runner = async (page, scrapes = 3, answer) => {
  const clock = new FakeClock();
  const from = clock.now();
  let scraped = 0;
  const page$ = await httpServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(page(scraped++, clock.now()));
  });
  const to = await receiver(answer);
  const target = `127.0.0.1:${page$.port}`;
  const outHost = fakeHost('exporter', 'prometheusremotewrite', clock);
  const sending = prometheusremotewrite as ExporterFactory;
  // The receiver's delays are real and the clock is not: a timeout would strike where none is meant.
  const options = { endpoint: to.url, timeout: '0s', retry_on_failure: { max_elapsed_time: '0s' } };
  const exporter = sending.create(parse(sending.config, options), outHost);
  const scraping = prometheus as ReceiverFactory;
  const scrape_configs = [{ job_name: 'test', scrape_interval: '1s', static_configs: [{ targets: [target] }] }];
  const config = parse(scraping.config, { config: { scrape_configs } });
  const scraper = scraping.create(config, fakeHost('receiver', 'prometheus', clock), exporter);
  await exporter.start?.(never);
  await scraper.start?.(never);
  ended.push(scraper, exporter);
  const metric = (name: string) => outHost.metric(`otelcol_exporter_${name}`) ?? 0;
  for (let n = 0; n < scrapes; n++) {
    const before = metric('prometheusremotewrite_translated_time_series');
    await clock.advance(1000);
    await until(() => metric('prometheusremotewrite_translated_time_series') > before);
  }
  await scraper.stop?.(never);
  while (metric('queue_size') > 0) {
    await clock.advance(100);
    await until(() => true);
  }
  return runOf(to, target, from, clock.now());
};

describe('remote-write: the cases of the 1.0 sender suite', () => {
  afterEach(async () => {
    for (const component of ended.splice(0)) await component.stop?.(AbortSignal.abort());
    await closeServers();
  });

  it('every case has its check', () => {
    expect(cases.map((c) => c.name)).to.have.members(Object.keys(rw1Checks));
  });

  for (const { name, exposition_or_setup } of cases) {
    remoteWrite.holds(name, () => rw1Checks[name]!(run, exposition_or_setup, 30));
  }
  remoteWrite.listIsCurrent();
});
