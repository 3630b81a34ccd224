/**
 * The cases of Prometheus' Remote Write 1.0 sender suite (prometheus/compliance, remotewrite/sender until January 2026), on the
 * bundle. The suite itself is to be had from no module proxy: these are its cases, told in our words.
 */
import { PROJECT } from '../support/agent.ts';
import { run as runChild, stopChildren } from '../support/children.ts';
import { receiver } from '../support/receiver.ts';
import { type Runner, runOf, rw1Checks } from '../support/rw1-cases.ts';
import { closeServers, httpServer } from '../support/servers.ts';
import { suite } from '../support/suites.ts';
import { makeTree } from '../support/tree.ts';

/** So many agents run side by side. */
const TOGETHER = 4;
/** The receiver of the suite's Ordering takes up to five seconds; the order shows after one and a half as well. */
const SLOW = 1500;

const { cases } = suite('remote-write').json<{ cases: { name: string; exposition_or_setup: string }[] }>(
  'rw1-suite-cases.json',
);

const run: Runner = async (page, scrapes = 3, answer) => {
  let scraped = 0;
  let enough = () => {};
  const done = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const target = await httpServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(page(scraped++, Date.now()));
    if (scraped > scrapes) enough();
  });
  const to = await receiver(answer);
  const tree = makeTree({
    'agent.yaml': `
receivers:
  prometheus:
    config:
      scrape_configs:
        - job_name: test
          scrape_interval: 1s
          static_configs:
            - targets: ['127.0.0.1:${target.port}']
exporters:
  prometheusremotewrite: {endpoint: '${to.url}', target_info: {enabled: false}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [prometheus], exporters: [prometheusremotewrite]}
`,
  });
  const from = Date.now();
  const agent = runChild(process.execPath, [`${PROJECT}dist/dnscol.js`, '--config', `${tree.path}/agent.yaml`]);
  await Promise.race([done, agent.exit]);
  agent.kill('SIGTERM');
  const { code } = await agent.exit;
  tree.remove();
  if (code !== 0) throw new Error(`dnscol ended with ${code}:\n${agent.output()}`);
  return runOf(to, `127.0.0.1:${target.port}`, from, Date.now());
};

describe('the Remote Write 1.0 sender suite on the bundle', () => {
  const results = new Map<string, Promise<unknown>>();

  before(() => {
    let lanes = Array.from({ length: TOGETHER }, () => Promise.resolve());
    cases.forEach(({ name, exposition_or_setup }, i) => {
      const result = lanes[i % TOGETHER]!.then(() => rw1Checks[name]!(run, exposition_or_setup, SLOW)).then(
        () => undefined,
        (error: unknown) => error,
      );
      results.set(name, result);
      lanes = lanes.with(
        i % TOGETHER,
        result.then(() => {}),
      );
    });
  });
  after(async () => {
    await stopChildren();
    await closeServers();
  });

  for (const { name } of cases) {
    it(name, async () => {
      const failure = await results.get(name);
      if (failure) throw failure;
    });
  }
});
