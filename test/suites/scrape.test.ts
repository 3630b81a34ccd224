import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from '#config';
import type { HttpClient } from '#http';
import { type Labels, labelMap, labelsOf } from '#metrics';
import {
  acceptHeader,
  compileRelabel,
  DEFAULT_SCRAPE_PROTOCOLS,
  type EscapingScheme,
  type PrometheusConfig,
  prometheusConfig,
  type ScrapeConfig,
} from '#prometheus';
import { pageSources } from '../../src/prometheus/scrape/page.ts';
import { Shaper } from '../../src/prometheus/scrape/shape.ts';
import { makeTarget, populateLabels, scrapeOffset, targetUrl } from '../../src/prometheus/scrape/target.ts';
import { reported, rig, samples, scrapeOf, snapshotWith, stopRigs, target } from '../receivers/prometheus/rig.ts';
import { FakeClock } from '../support/clock.ts';
import { closeServers } from '../support/servers.ts';

const SUITE = new URL('../../../shared/suites/scrape/', import.meta.url).pathname;
const load = <T>(file: string) => JSON.parse(readFileSync(join(SUITE, file), 'utf8')) as T;

/** A text, or the bytes of one that is not UTF-8. Those become lone surrogates, the nearest that a string can hold. */
type Text = string | { $b64: string };
const textOf = (text: Text) =>
  typeof text === 'string'
    ? text
    : Array.from(Buffer.from(text.$b64, 'base64'), (byte) =>
        String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte),
      ).join('');

interface PopulateCase {
  name: string;
  discovered: Record<string, Text>;
  expected_final_labels: Record<string, string>;
  expected_error_contains: string | null;
  scrape_config: object;
}
interface HonorCase {
  name: string;
  honor_labels: boolean;
  exposition: string;
  target_labels: Record<string, string>;
  expected_labels: Record<string, string>;
}
interface LimitCase extends Omit<HonorCase, 'honor_labels' | 'expected_labels'> {
  label_limit: number;
  label_name_length_limit: number;
  label_value_length_limit: number;
  whole_scrape_fails: boolean;
}
interface AcceptCase {
  name: string;
  expected_accept: string;
  protocols: string;
  scheme: string;
}
interface Fact {
  id: string;
  labels?: Record<string, string>;
  params?: Record<string, string[]>;
  expected_url?: string;
  exposition?: string;
  exposition_b64?: string;
}

function configOf(scrape: object, global: object = {}): ScrapeConfig {
  const config: PrometheusConfig = parse(prometheusConfig, {
    global,
    scrape_configs: [{ job_name: 'test', ...scrape }],
  });
  return config.scrapes[0]!;
}

describe('suite scrape', () => {
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  describe('populate-labels', () => {
    for (const one of load<PopulateCase[]>('populate-labels.json')) {
      it(one.name, () => {
        const config = configOf(one.scrape_config);
        const own = new Map(Object.entries(one.discovered).map(([name, text]) => [name, textOf(text)]));
        const relabeler = compileRelabel(config.relabel, config.validation);
        const run = () => populateLabels(config, own, new Map(), (labels: Labels) => relabeler.relabel(labels));
        if (one.expected_error_contains === null) expect(run()).to.deep.equal(labelsOf(one.expected_final_labels));
        else expect(run).to.throw(one.expected_error_contains.replace('\\xbd', '\\udcbd'));
      });
    }
  });

  describe('accept-headers', () => {
    const schemes: Record<string, EscapingScheme | undefined> = {
      'model.UnderscoreEscaping': 'underscores',
      'model.DotsEscaping': 'dots',
      'model.NoEscaping': 'allow-utf-8',
    };
    for (const one of load<AcceptCase[]>('accept-headers.json')) {
      it(one.name, () => {
        const first = one.protocols.endsWith('DefaultProtoFirstScrapeProtocols') ? (['PrometheusProto'] as const) : [];
        const header = acceptHeader([...first, ...DEFAULT_SCRAPE_PROTOCOLS], schemes[one.scheme]!);
        expect(header).to.equal(one.expected_accept);
      });
    }
  });

  describe('honor-labels', () => {
    for (const one of load<HonorCase[]>('honor-labels.json')) {
      it(one.name, async () => {
        const page = await target(`${one.exposition}\n`);
        const { scrape } = await rig([scrapeOf([page], { honor_labels: one.honor_labels }, one.target_labels)]);
        const labels = labelMap(snapshotWith(await scrape(), 'metric').set.series[0]!.labels);
        labels.delete('job');
        labels.delete('instance');
        expect(Object.fromEntries(labels)).to.deep.equal(one.expected_labels);
      });
    }
  });

  describe('label-limits', () => {
    for (const one of load<LimitCase[]>('label-limits.json')) {
      const { label_limit, label_name_length_limit, label_value_length_limit } = one;
      it(one.name, async () => {
        const page = await target(`${one.exposition}\n`);
        const limits = { label_limit, label_name_length_limit, label_value_length_limit };
        const { scrape } = await rig([scrapeOf([page], limits, one.target_labels)]);
        const batch = await scrape();
        expect(reported(batch).up).to.equal(one.whole_scrape_fails ? 0 : 1);
        expect(Object.keys(samples(batch))).to.have.length(one.whole_scrape_fails ? 0 : 1);
      });
    }
  });

  describe('facts', () => {
    const facts = new Map(load<Fact[]>('facts.json').map((fact) => [fact.id, fact]));
    const held = new Set<string>();
    const fact = (id: string, holds: (fact: Fact) => void | Promise<void>) => {
      held.add(id);
      it(id, () => holds(facts.get(id)!));
    };
    const scraped = async (body: string | Buffer, more: object = {}) => {
      const page = await target(body);
      const running = await rig([scrapeOf([page], more)]);
      return { page, ...running, batch: await running.scrape() };
    };

    fact('target-url', ({ labels, params, expected_url }) => {
      expect(targetUrl(labelsOf(labels!), new Map(Object.entries(params!))).href).to.equal(expected_url);
    });

    fact('up-and-report-series', async () => {
      const { page, scrape, batch } = await scraped('a 1\n', { extra_scrape_metrics: true });
      page.status = 500;
      for (const one of [batch, await scrape()]) {
        expect(Object.keys(reported(one))).to.deep.equal([
          'up',
          'scrape_duration_seconds',
          'scrape_samples_scraped',
          'scrape_samples_post_metric_relabeling',
          'scrape_series_added',
          'scrape_timeout_seconds',
          'scrape_sample_limit',
          'scrape_body_size_bytes',
        ]);
      }
    });

    fact('report-not-limited', async () => {
      const { batch } = await scraped('a 1\nb 1\nc 1\nd 1\n', { sample_limit: 5 });
      expect(reported(batch).up).to.equal(1);
    });

    fact('sample-limit-all-or-nothing', async () => {
      const { batch, host } = await scraped('metric_a 1\nmetric_b 1\nmetric_c 1\n', { sample_limit: 1 });
      expect(samples(batch)).to.deep.equal({});
      expect(reported(batch)).to.include({
        up: 0,
        scrape_samples_scraped: 3,
        scrape_samples_post_metric_relabeling: 3,
        scrape_series_added: 1,
      });
      expect(host.metric('prometheus_target_scrapes_exceeded_sample_limit_total')).to.equal(1);
    });

    fact('body-size-limit', async () => {
      const body = 'metric_a 1\nmetric_b 2\n';
      const upWith = async (limit: string) => reported((await scraped(body, { body_size_limit: limit })).batch).up;
      expect([await upWith('15B'), await upWith('22B'), await upWith('23B'), await upWith('0')]).to.deep.equal([
        0, 0, 1, 1,
      ]);
    });

    fact('status', async () => {
      const { page, scrape, host } = await scraped('a 1\n');
      page.status = 204;
      expect(reported(await scrape()).up).to.equal(0);
      expect(String(host.logs[0]?.fields.error)).to.include('204');
    });

    fact('timeout-header', async () => {
      const sent: Record<string, string>[] = [];
      const config = configOf({ scrape_timeout: '1500ms' });
      const labels = populateLabels(config, new Map([['__address__', 'a:1']]), new Map(), (l) => l)!;
      const client: Pick<HttpClient, 'read'> = {
        async read({ headers }, take) {
          sent.push({ ...headers });
          return take({ status: 200, headers: {}, body: Buffer.alloc(0) });
        },
      };
      const made = makeTarget(labels, config.params);
      const source = pageSources({ client, clock: new FakeClock(), config, version: '1', warn() {} })(made);
      await source.fetch(new AbortController().signal);
      expect(sent[0]!['x-prometheus-scrape-timeout-seconds']).to.equal('1.5');
      for (const [, q] of sent[0]!.accept!.matchAll(/q=([^,;]+)/g))
        expect(q).to.match(/^(0(\.\d{1,3})?|1(\.0{1,3})?)$/);
    });

    fact('dup-labels', async ({ exposition }) => {
      const { batch } = await scraped(exposition!);
      expect([reported(batch).up, samples(batch)]).to.deep.equal([0, {}]);
    });

    fact('no-name-after-relabel', async () => {
      const drop = [{ source_labels: ['n'], regex: '1', target_label: '__name__', replacement: '' }];
      const { batch } = await scraped('a 1\nb{n="1"} 1\n', { metric_relabel_configs: drop });
      expect([reported(batch).up, samples(batch)]).to.deep.equal([0, {}]);
    });

    fact('invalid-utf8', async ({ exposition_b64 }) => {
      const { batch } = await scraped(Buffer.from(exposition_b64!, 'base64'));
      expect(reported(batch).up).to.equal(0);
    });

    fact('stale-on-failure', async () => {
      const { page, scrape } = await scraped('a 1\nb 1\ntimed 1 1700000000000\n');
      page.body = 'a 1\n';
      expect(samples(await scrape())).to.deep.equal({ a: 1, b: 'stale' });
      page.status = 500;
      expect(samples(await scrape())).to.deep.equal({ a: 'stale' });
    });

    fact('stale-nan-bits', async () => {
      const { values } = snapshotWith((await scraped('a NaN\n')).batch, 'a');
      expect(new BigUint64Array(values.buffer, values.byteOffset)[0]).to.equal(0x7ff8000000000001n);
    });

    fact('ahead-limit', async () => {
      const { batch } = await scraped(`far 1 ${1_700_000_000_000 + 12 * 3_600_000}\nnear 1\n`);
      expect([reported(batch).up, samples(batch)]).to.deep.equal([1, { near: 1 }]);
    });

    fact('ooo-dup-graceful', async () => {
      const at = 1_700_000_000_000;
      const { page, scrape } = await scraped(`out_of_order 1 ${at}\namend 1 ${at}\nnormal 1 ${at}\n`);
      page.body = `out_of_order 2 ${at - 1}\namend 2 ${at}\nnormal 2 ${at + 1}\nout_of_bounds 1 ${at + 1e9}\n`;
      const batch = await scrape();
      expect([reported(batch).up, samples(batch)]).to.deep.equal([1, { normal: 2 }]);
    });

    fact('cache-bounded', () => {
      const family = { name: 'm', type: 'gauge', help: '', unit: '' } as const;
      const config = configOf({ label_limit: 3 });
      const shaper = new Shaper({ config, target: [], relabel: (l) => l, externalLabels: new Map() });
      for (let scrape = 0; scrape < 5; scrape++) {
        const good = Array.from({ length: 500 }, (_, i) => labelsOf({ __name__: 'm', i: `${scrape}-${i}` }));
        const bad = labelsOf({ __name__: 'm', a: '1', b: '1', c: '1' });
        const layout = { samples: [...good, bad].map((labels) => ({ family, labels, hasTimestamp: false })) };
        expect(() => shaper.shape(layout)).to.throw('label_limit exceeded');
      }
      expect(shaper.size).to.be.at.most(2000);
    });

    fact('interval-relabel', () => {
      const rules = [
        { source_labels: ['__scrape_interval__'], regex: '2s', target_label: '__scrape_interval__', replacement: '3s' },
        {
          source_labels: ['__scrape_timeout__'],
          regex: '500ms',
          target_label: '__scrape_timeout__',
          replacement: '750ms',
        },
      ];
      const config = configOf({ scrape_interval: '2s', scrape_timeout: '500ms', relabel_configs: rules });
      const relabeler = compileRelabel(config.relabel);
      const labels = populateLabels(config, new Map([['__address__', 'a:1']]), new Map(), (l) => relabeler.relabel(l))!;
      expect(makeTarget(labels, config.params)).to.include({ interval: 3000, timeout: 750 });
    });

    fact('blank-content-type', async () => {
      const labels = populateLabels(configOf({}), new Map([['__address__', 'a:1']]), new Map(), (l) => l)!;
      const fetchOf = (body: string) => {
        const config = { ...configOf({}), fallbackProtocol: undefined };
        const client: Pick<HttpClient, 'read'> = {
          read: async (_request, take) => take({ status: 200, headers: {}, body: Buffer.from(body) }),
        };
        const made = makeTarget(labels, config.params);
        const source = pageSources({ client, clock: new FakeClock(), config, version: '1', warn() {} })(made);
        return source.fetch(new AbortController().signal).then(
          () => 'good',
          (error: Error) => error.message,
        );
      };
      expect(await fetchOf('a 1\n')).to.include('no Content-Type');
      expect(await fetchOf('')).to.equal('good');
    });

    fact('offset', () => {
      const config = configOf({ scrape_interval: '10s' });
      const targets = Array.from({ length: 200 }, (_, i) => {
        const labels = populateLabels(config, new Map([['__address__', `10.0.0.${i}:80`]]), new Map(), (l) => l)!;
        return makeTarget(labels, config.params);
      });
      const slots = targets.map((one) => scrapeOffset(one, 'seed', 1_700_000_000_000));
      for (const slot of slots) expect(slot).to.be.within(0, 9999);
      const tenths = new Set(slots.map((slot) => Math.floor(slot / 1000)));
      expect(tenths.size, 'spread over the interval').to.equal(10);
      const later = targets.map((one) => (scrapeOffset(one, 'seed', 1_700_000_003_000) + 3000) % 10_000);
      expect(later, 'the same slot after a restart').to.deep.equal(slots);
      expect(targets.map((one) => scrapeOffset(one, 'other', 1_700_000_000_000))).not.to.deep.equal(slots);
    });

    fact('timestamp-tolerance', async () => {
      const { scrape, clock, batch } = await scraped('a 1\n');
      const { time } = snapshotWith(batch, 'a');
      clock.jump(1);
      expect(snapshotWith(await scrape(), 'a').time).to.equal(time + 3_600_000);
      clock.jump(2);
      expect(snapshotWith(await scrape(), 'a').time).to.equal(time + 2 * 3_600_000 + 3);
    });

    fact('unnormalised-le', async () => {
      const { batch } = await scraped(
        '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
      );
      expect(samples(batch)).to.have.property('h_bucket{le="1.0"}', 1);
    });

    fact('redirect-credentials', async () => {
      const [first, second] = [await target(), await target('a 1\n')];
      const moved = (host: string) => (_req: IncomingMessage, res: ServerResponse) => {
        res.writeHead(302, { location: `http://${host}:${second.port}/` }).end();
      };
      const { scrape } = await rig([scrapeOf([first], { authorization: { credentials: 'secret' } })]);
      for (const host of ['127.0.0.1', 'localhost']) {
        first.answer = moved(host);
        expect(samples(await scrape())).to.deep.equal({ a: 1 });
      }
      expect(second.requests.map(({ headers }) => headers.authorization)).to.deep.equal(['Bearer secret', undefined]);
    });

    it('every fact is held', () => {
      expect([...facts.keys()]).to.have.members([...held]);
    });
  });
});
