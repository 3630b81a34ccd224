import { spawnSync } from 'node:child_process';
import { freePorts } from '../../support/children.ts';
import { fetchPage } from '../../support/page.ts';
import { peer } from '../../support/peers.ts';
import { startAgent, until } from '../kit/agent.ts';
import { prometheusVerdicts, servePages, verdicts } from '../kit/pages.ts';
import { job, startRig } from '../kit/rig.ts';
import { equal, type Lab, type Measure, type Threat } from '../kit/threat.ts';

const PAGES = [
  'a{b="1",b="2"} 1\n',
  'a{b="1",b="1"} 1\n',
  'a{b="1"} 1\na{b="1"} 2\n',
  'a{b="1",c="2"} 1\na{c="2",b="1"} 2\n',
  '# TYPE a counter\n# TYPE a gauge\na 1\n',
  '# TYPE a counter\na 1\n# TYPE a counter\n',
  '# HELP a x\n# HELP a y\na 1\n',
  '# TYPE a histogram\na 1\n',
  '# TYPE a nonsense\na 1\n',
  '# TYPE a summary\na{quantile="0.5"} 1\na{quantile="0.5"} 2\n',
  'a 1\nb 1\na 2\n',
  '__name__ 1\n',
  'a{__name__="b"} 1\n',
];

/** Two sources that disagree on everything. */
const CLASHING = [
  '# HELP a one\n# TYPE a counter\na{x="1"} 1\na{x="2"} 1\n# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n',
  '# HELP a two\n# TYPE a gauge\na{x="1"} 2\na{x="3"} 1\n# TYPE h gauge\nh 1\n# TYPE h_bucket counter\nh_bucket{le="+Inf"} 2\n',
];

export default {
  id: 'T10',
  title: 'duplicate series and labels, clashing types',
  async run(lab) {
    const rig = await startRig(lab, { warm: 500 });
    const ports = await servePages(
      lab,
      PAGES.map((page) => Buffer.from(page)),
    );
    await rig.attack([job('twice', ports)]);
    const ours = await verdicts(rig, 'twice', ports);
    const theirs = await prometheusVerdicts(lab, ports);
    const differ = PAGES.flatMap((page, i) => (ours[i] === theirs[i] ? [] : [`${JSON.stringify(page)} ${ours[i]}`]));
    const first = rig.sink.points('a', { instance: `127.0.0.1:${ports[2]}` });
    return [
      equal(`verdicts unlike Prometheus', of ${PAGES.length}`, differ.join('; ') || 'none', 'none'),
      equal('of a series twice the first is kept', first.every(({ value }) => value === 1) && first.length > 0, true),
      ...(await ownPage(lab)),
      ...rig.neighbours(),
    ];
  },
} satisfies Threat;

/** What the pull endpoint makes of clashing sources. */
async function ownPage(lab: Lab): Promise<Measure[]> {
  const targets = await servePages(
    lab,
    CLASHING.map((page) => Buffer.from(page)),
  );
  const [page = 0] = await freePorts(1);
  const same = [{ target_label: 'instance', replacement: 'same' }];
  await startAgent(lab, {
    receivers: {
      prometheus: {
        config: {
          scrape_configs: [
            job('j', targets, { relabel_configs: [] }),
            job('k', targets, { metric_relabel_configs: [...same, { target_label: 'job', replacement: 'j' }] }),
          ],
        },
      },
    },
    exporters: { prometheus: { endpoint: `127.0.0.1:${page}` } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { metrics: { receivers: ['prometheus'], exporters: ['prometheus'] } },
    },
  });
  const url = `http://127.0.0.1:${page}/metrics`;
  let text = '';
  await until(async () => {
    text = await fetchPage(url);
    return /\{[^}]*instance="same"/.test(text) && text.includes(`127.0.0.1:${targets[1]}`);
  }, 'the page shows both');
  const samples = text.split('\n').filter((line) => line && !line.startsWith('#'));
  const names = samples.map((line) => line.slice(0, line.lastIndexOf('}') + 1 || line.indexOf(' ')));
  const promtool = spawnSync(peer('promtool'), ['check', 'metrics'], { input: text, encoding: 'utf8' });
  return [
    equal('own page: series shown twice', names.length - new Set(names).size, 0),
    // 3 is its word for style, such as a counter without _total; 1 for what cannot be read.
    equal('own page: promtool reads it', promtool.status === 0 || promtool.status === 3, true),
    ...(promtool.status === 1 ? [equal('promtool', promtool.stderr, '')] : []),
  ];
}
