import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeExporterMetrics } from '../../receivers/ethtool/names.ts';
import { parseSettings, parseStatistics } from '../../receivers/ethtool/text.ts';

const shared = join(import.meta.dirname, '../../../shared');
const read = (path: string) => readFileSync(join(shared, path), 'utf8');

/** `name{labels} value` of a page, without the comments; numbers as numbers, so that 3.79e+06 equals 3790000. */
function samples(page: string): Map<string, number> {
  const lines = page.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), goNumber(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}
/** client_python writes e+010 where Go writes e+10. */
const goNumber = (text: string) => Number(text);

describe('ethtool, recorded outputs', () => {
  for (const golden of ['golden-showmax-head-0.5.2.prom', 'golden-showmax-0.2.3-aws-blog-image-era.prom']) {
    it(`of two ENA drivers give the series of ${golden}`, () => {
      const want = samples(read(`data/ethtool/${golden}`));
      const wanted = [...want].filter(([name]) => name.startsWith('node_net_ethtool{'));
      const ours = new Map<string, number>();
      for (const [device, file] of [
        ['eth0', 'ena-full-2queues-driver2.2-2022.txt'],
        ['eth1', 'ena-allowance-aws-docs.txt'],
      ]) {
        for (const { name, value } of parseStatistics(read(`data/ethtool/${file}`))) {
          ours.set(`node_net_ethtool{device="${device}",type="${name}"}`, value);
        }
      }
      expect(wanted).to.not.have.length(0);
      expect([...ours].sort()).to.deep.equal(wanted.sort());
    });
  }

  it("give node_exporter's names and values", () => {
    const want = [...samples(read('data/ethtool/node_exporter-expected-eth0.prom'))].filter(
      ([name]) => name.startsWith('node_ethtool_') && !name.startsWith('node_ethtool_info'),
    );
    const statistics = parseStatistics(read('data/ethtool/node_exporter-fixture-eth0-statistics.txt'));
    const metrics = nodeExporterMetrics(statistics.map((s) => s.name));
    const ours = statistics.flatMap(({ name, value }) => {
      const metric = metrics.get(name);
      return metric ? [[`${metric.name}{device="eth0"}`, value] as [string, number]] : [];
    });
    expect(ours.sort()).to.deep.equal(want.sort());
  });

  it('give the settings of the fixture', () => {
    expect(parseSettings(read('data/ethtool/node_exporter-fixture-eth0-settings.txt'))).to.deep.equal({
      speed: 1e9,
      duplex: 'Full',
      port: 'Twisted Pair',
      detected: true,
    });
  });

  it('survive a hundred thousand mutations', () => {
    const source = read('data/ethtool/ena-full-2queues-driver2.2-2022.txt');
    let seed = 42;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed % n;
    };
    for (let i = 0; i < 100_000; i++) {
      const at = random(source.length);
      const text = source.slice(at, at + 400);
      const cut = random(text.length);
      const broken = text.slice(0, cut) + String.fromCharCode(random(256)) + text.slice(cut + random(3));
      for (const { name, value } of parseStatistics(broken)) {
        if (!name || !Number.isFinite(value)) expect.fail(`${JSON.stringify(broken)} gave ${name} ${value}`);
      }
      nodeExporterMetrics(parseStatistics(broken).map((s) => s.name));
    }
  });
});
