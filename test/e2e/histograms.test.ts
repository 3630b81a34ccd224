/** Native histograms of a real client library, over protobuf, through dnscol and the Collector's own receiver alike. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'chai';
import { startAgent } from '../support/agent.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { type FlatPoint, flatPoints } from '../support/otlp.ts';
import { startCollector, startHistograms } from '../support/peers.ts';
import type { Message } from '../support/protobuf.ts';
import { closeServers, httpServer } from '../support/servers.ts';

/** Takes OTLP/JSON from a Collector: of each point the last one, by the path it was sent to. */
async function otlpSink() {
  const points: Record<string, Map<string, FlatPoint>> = {};
  const server = await httpServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const from = request.url!.split('/')[1]!;
      points[from] ??= new Map();
      for (const point of flatPoints(JSON.parse(Buffer.concat(chunks).toString()) as Message)) {
        points[from].set(`${point.metric} ${point.data} ${JSON.stringify(point.attributes)}`, point);
      }
      response.end('{}');
    });
  });
  return { port: server.port, of: (from: string) => points[from] ?? new Map<string, FlatPoint>() };
}

/** What is the target's own in a point: not when it was scraped, nor what a receiver alone can know. */
function own({ point }: FlatPoint): Message {
  const { timeUnixNano, startTimeUnixNano, ...rest } = point;
  const { exemplars } = rest as { exemplars?: Message[] };
  // The Collector's JSON writes out what is zero; buckets without any it leaves empty.
  const sorted = exemplars?.map((one) => JSON.stringify(one, Object.keys(one).sort())).sort();
  return JSON.parse(JSON.stringify({ ...rest, ...(sorted && { exemplars: sorted }) })) as Message;
}

const scraping = (address: string, more: string) => `
  prometheus:
    config:
      global: {scrape_interval: 500ms, scrape_timeout: 400ms}
      scrape_configs:
        - job_name: histograms
          scrape_native_histograms: true
          ${more}
          static_configs: [{targets: ['${address}']}]
`;

/** Its own receiver's samples go to /theirs, dnscol's to /ours. */
const collector = (otlp: number, sink: number, address: string, more: string) => `
receivers:
  otlp: {protocols: {http: {endpoint: '127.0.0.1:${otlp}'}}}
${scraping(address, more)}
exporters:
  otlphttp/ours: {endpoint: 'http://127.0.0.1:${sink}/ours', encoding: json, compression: none}
  otlphttp/theirs: {endpoint: 'http://127.0.0.1:${sink}/theirs', encoding: json, compression: none}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics/ours: {receivers: [otlp], exporters: [otlphttp/ours]}
    metrics/theirs: {receivers: [prometheus], exporters: [otlphttp/theirs]}
`;
const agent = (otlp: number, address: string, encoding: string, more: string) => `
receivers:
${scraping(address, more)}
exporters:
  otlphttp: {endpoint: 'http://127.0.0.1:${otlp}', encoding: ${encoding}, compression: none}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [prometheus], exporters: [otlphttp]}
`;

describe('native histograms of client_golang', () => {
  afterEach(async () => {
    await stopChildren();
    await closeServers();
  });

  async function compared(encoding: string, more: string) {
    const [otlp = 0] = await freePorts(1);
    const sink = await otlpSink();
    const target = await startHistograms();
    await startCollector(collector(otlp, sink.port, target.address, more));
    await startAgent(agent(otlp, target.address, encoding, more));
    await target.observe(0.125);
    await until(() => {
      const counts = ['ours', 'theirs'].map((from) => {
        const point = [...sink.of(from).values()].find(({ metric }) => metric === 'dns_pause_seconds');
        return point?.point.count;
      });
      return counts.every((count) => count === '14');
    }, 'both have the last observation');
    const named = (from: string) =>
      new Map([...sink.of(from)].filter(([key]) => key.startsWith('dns_')).map(([key, point]) => [key, own(point)]));
    return { ours: named('ours'), theirs: named('theirs'), raw: sink.of('ours') };
  }

  for (const encoding of ['proto', 'json']) {
    it(`reach the Collector as ${encoding} like those of its own receiver, exemplars too`, async () => {
      const { ours, theirs, raw } = await compared(encoding, '');
      expect(Object.fromEntries(ours)).to.deep.equal(Object.fromEntries(theirs));
      const kinds = [...ours.keys()].map((key) => key.split(' ').slice(0, 2).join(' '));
      expect(kinds).to.include.members([
        'dns_took_seconds exponentialHistogram',
        'dns_size_bytes exponentialHistogram',
        'dns_empty_seconds exponentialHistogram',
        'dns_classic_seconds histogram',
      ]);
      const point = raw.get('dns_took_seconds exponentialHistogram {"zone":"example.org."}')!.point;
      expect(point).to.include({ scale: 3, count: '14', zeroCount: '1' });
      expect(point.exemplars).to.be.an('array').that.is.not.empty;
      // When the process made the histogram, and not when it was first scraped.
      expect(Number(point.startTimeUnixNano)).to.be.below(Number(point.timeUnixNano) - 1e6);
    });
  }

  it('of custom buckets reach the Collector like those of its own receiver', async () => {
    const { ours, theirs } = await compared('proto', 'convert_classic_histograms_to_nhcb: true');
    expect(Object.fromEntries(ours)).to.deep.equal(Object.fromEntries(theirs));
    const classic = [...ours].find(([key]) => key.startsWith('dns_classic_seconds histogram'))![1];
    expect(classic.explicitBounds).to.deep.equal([0.001, 0.01, 1]);
  });
});
