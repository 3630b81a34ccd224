import { createServer } from 'node:http';
import { expect } from 'chai';
import { launchAgent, startAgent } from '../support/agent.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { readPage } from '../support/page.ts';
import { startPrometheus } from '../support/peers.ts';
import { closeServers, httpServer } from '../support/servers.ts';

const quiet = 'telemetry: {metrics: {level: none}}';
const showing = (page: number, target: number) => `
receivers:
  prometheus:
    config:
      scrape_configs:
        - {job_name: one, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{targets: ['127.0.0.1:${target}']}]}
exporters:
  prometheus: {endpoint: '127.0.0.1:${page}'}
service:
  ${quiet}
  pipelines:
    metrics: {receivers: [prometheus], exporters: [prometheus]}
`;

/** A target whose one counter counts its scrapes. */
async function countingTarget() {
  let scrapes = 0;
  const server = await httpServer((_, response) => {
    scrapes++;
    response
      .setHeader('content-type', 'text/plain; version=0.0.4')
      .end(`# TYPE scrapes_total counter\nscrapes_total ${scrapes}\n`);
  });
  return { port: server.port, scrapes: () => scrapes };
}

describe('the life of an agent', () => {
  afterEach(async () => {
    await stopChildren();
    await closeServers();
  });

  it('hands on, at SIGTERM, all that it still holds, and exits with 0', async () => {
    const prometheus = await startPrometheus();
    const target = await countingTarget();
    const agent = await startAgent(`
receivers:
  prometheus:
    config:
      scrape_configs:
        - {job_name: one, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{targets: ['127.0.0.1:${target.port}']}]}
processors:
  batch: {timeout: 600s, send_batch_size: 1000000}
exporters:
  prometheusremotewrite: {endpoint: '${prometheus.write}'}
service:
  ${quiet}
  pipelines:
    metrics: {receivers: [prometheus], processors: [batch], exporters: [prometheusremotewrite]}
`);
    await until(() => target.scrapes() >= 5, 'the target was scraped five times');
    // The batch processor lets the first samples go at once, and holds the rest.
    expect((await prometheus.query('scrapes_total')).filter(({ value }) => value > 1)).to.deep.equal([]);
    agent.kill('SIGTERM');
    expect(await agent.exit).to.deep.equal({ code: 0, signal: null });
    const [last] = await prometheus.query('last_over_time(scrapes_total[1m])');
    // The scrape that was under way when the signal came may count or not.
    expect(last?.value).to.be.within(target.scrapes() - 1, target.scrapes());
    const [count] = await prometheus.query('count_over_time(scrapes_total[1m])');
    expect(count?.value).to.equal(last?.value);
  });

  it('ends at once at a second signal, though the other side hangs', async () => {
    const target = await countingTarget();
    const hanging = await httpServer(() => {});
    const agent = await startAgent(`
receivers:
  prometheus:
    config:
      scrape_configs:
        - {job_name: one, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{targets: ['127.0.0.1:${target.port}']}]}
exporters:
  prometheusremotewrite: {endpoint: 'http://127.0.0.1:${hanging.port}/', timeout: 60s}
service:
  ${quiet}
  pipelines:
    metrics: {receivers: [prometheus], exporters: [prometheusremotewrite]}
`);
    await until(() => hanging.made > 0, 'a request hangs');
    agent.kill('SIGTERM');
    await agent.says(/stopping/);
    const began = performance.now();
    // Again and again: what comes within a quarter of a second is taken for an echo of the first.
    const again = setInterval(() => agent.kill('SIGTERM'), 100);
    const { code, signal } = await agent.exit;
    clearInterval(again);
    expect(performance.now() - began).to.be.below(1500);
    expect(code === 0 && signal === null, `${code} ${signal}`).to.equal(false);
  });

  it('keeps running the old configuration when the new one is bad, and takes a good one', async () => {
    const target = await countingTarget();
    const [first = 0, second = 0] = await freePorts(2);
    const agent = await startAgent(showing(first, target.port));
    agent.rewrite(`${showing(first, target.port)}\nexportrs: {}\n`);
    agent.kill('SIGHUP');
    await agent.says(/exportrs: .*did you mean exporters/);
    await agent.says(/the old one runs on/);
    const before = target.scrapes();
    await until(() => target.scrapes() > before, 'it goes on scraping');
    expect((await readPage(`http://127.0.0.1:${first}/metrics`)).types.get('scrapes_total')).to.equal('counter');

    agent.rewrite(showing(second, target.port));
    agent.kill('SIGHUP');
    await agent.says(/the new configuration runs/);
    const moved = await until(
      async () => (await readPage(`http://127.0.0.1:${second}/metrics`)).types.get('scrapes_total'),
      'the page is at its new place',
    );
    expect(moved).to.equal('counter');
    await fetch(`http://127.0.0.1:${first}/metrics`).then(
      () => expect.fail('the old page is still there'),
      () => {},
    );
    agent.kill('SIGINT');
    expect(await agent.exit).to.deep.equal({ code: 0, signal: null });
  });

  it('opens no inspector at SIGUSR1', async () => {
    const target = await countingTarget();
    const [page = 0] = await freePorts(1);
    const agent = await startAgent(showing(page, target.port));
    agent.kill('SIGUSR1');
    const before = target.scrapes();
    await until(() => target.scrapes() > before + 2, 'it goes on scraping');
    expect(agent.output()).not.to.match(/Debugger/);
  });

  it('says in a sentence that a port is in use, and exits with 1', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const agent = launchAgent(showing(port, 1));
    expect((await agent.exit).code).to.equal(1);
    taken.close();
    expect(agent.output()).to.match(new RegExp(`cannot start exporter prometheus.*127\\.0\\.0\\.1:${port}.*in use`));
    expect(agent.output()).not.to.match(/^\s+at /m);
  });

  it('reports every fault of a broken configuration, and exits with 1', async () => {
    const agent = launchAgent(
      showing(1, 1).replace('exporters: [prometheus]', 'exporters: [promethus]').replace('endpoint', 'endpont'),
    );
    expect((await agent.exit).code).to.equal(1);
    expect(agent.output()).to.match(/agent\.yaml:\d+:\d+: .*endpont.*did you mean endpoint/);
    expect(agent.output()).to.match(/agent\.yaml:\d+:\d+: .*promethus/);
  });
});
