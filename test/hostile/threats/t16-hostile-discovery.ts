import { makeTree } from '../../support/tree.ts';
import { until } from '../kit/agent.ts';
import { job, startRig } from '../kit/rig.ts';
import { atLeast, equal, type Threat } from '../kit/threat.ts';
import { answer, type RawRequest, serve } from '../kit/wire.ts';

type Labels = Record<string, string>;

/** `PORT` stands for a server that is there and must hear nothing. */
const ADDRESSES = [
  'user:password@127.0.0.1:PORT',
  '127.0.0.1:PORT/other',
  '127.0.0.1:PORT?x=1',
  '127.0.0.1:PORT#x',
  '127.0.0.1:PORT\r\nX-Injected: 1',
  '127.0.0.1:PORT ',
  ' 127.0.0.1:PORT',
  '\t127.0.0.1:PORT',
  '127.0.0.1\\@127.0.0.1:PORT',
  'http://127.0.0.1:PORT',
  // Other ways to write the same address, which a rule that looks at the address would not know.
  '2130706433:PORT',
  '0x7f000001:PORT',
  '0x7f.1:PORT',
  '127.1:PORT',
  '0177.0.0.1:PORT',
  '127.0.0.1.:PORT',
  '%31%32%37.0.0.1:PORT',
  '127%2e0.0.1:PORT',
  '１２７.0.0.1:PORT',
  '127。0。0。1:PORT',
  '127.0.0.1:\u0661',
  '127.0.0.1:99999',
  '127.0.0.1:-1',
  '[::1',
  '',
  ':',
  '__proto__',
];

const SCHEMES = ['file', 'ftp', 'ws', 'unix', 'javascript', 'HTTP', 'http://evil', 'http:', ' http', 'data'];
const TIMES: Labels[] = [
  { __scrape_interval__: '0s' },
  { __scrape_interval__: '-1s' },
  { __scrape_interval__: '1e9s' },
  { __scrape_interval__: 'constructor' },
  { __scrape_timeout__: '1h' },
  { __scrape_timeout__: '0' },
];

export default {
  id: 'T16',
  title: 'hostile labels from discovery',
  async run(lab) {
    const trapped: RawRequest[] = [];
    const trap = await serve(lab, (request, socket) => {
      trapped.push(request);
      socket.write(answer(200, 'trapped 1\n'));
    });
    const asked: RawRequest[] = [];
    const honest = await serve(lab, (request, socket) => {
      asked.push(request);
      socket.write(answer(200, 'honest 1\n'));
    });
    const here = `127.0.0.1:${honest.port}`;
    const bad = [
      ...ADDRESSES.map((address) => group(address.replace('PORT', String(trap.port)))),
      ...SCHEMES.map((__scheme__) => group(`127.0.0.1:${trap.port}`, { __scheme__ })),
      ...TIMES.map((times) => group(`127.0.0.1:${trap.port}`, times)),
    ];
    const odd = [
      group(here, { __metrics_path__: `//127.0.0.1:${trap.port}/metrics` }),
      group(here, { __metrics_path__: `http://127.0.0.1:${trap.port}/metrics` }),
      group(here, { __metrics_path__: '/a\r\nX-Injected: 1' }),
      group(here, { __metrics_path__: '/../../etc/passwd?x#y' }),
      group(here, { '__param_a\r\nX-Injected': '1\r\nX-Injected: 1' }),
      group(here, { __param_a: '&b=1#c=2 d' }),
      group(here, { __proto__x: '1', __param___proto__: 'x', __param_constructor: 'y' }),
      [{ targets: [here], labels: JSON.parse('{"__proto__": "p", "constructor": "c", "toString": "t"}') as Labels }],
    ].flat();
    const tree = makeTree({ 'bad.json': JSON.stringify(bad.flat()), 'odd.json': JSON.stringify(odd) });
    lab.defer(() => tree.remove());
    const rig = await startRig(lab, { warm: 500 });
    await rig.attack([
      job('bad', [], { file_sd_configs: [{ files: [`${tree.path}/bad.json`] }] }),
      job('odd', [], { file_sd_configs: [{ files: [`${tree.path}/odd.json`] }] }),
    ]);
    await until(() => rig.sink.points('up', { job: 'odd' }).length >= 3 * odd.length, 'the odd ones were scraped');
    const ups = rig.sink.points('up', { job: 'bad' });
    const prototypes = rig.sink.find('honest', { constructor: 'c', toString: 't' });
    return [
      equal('requests where none may go', trapped.map(hostOf).join(' ') || 'none', 'none'),
      equal('bad targets that were up', ups.filter(({ value }) => value !== 0).length, 0),
      atLeast('bad targets counted', await rig.own('prometheus_target_sync_failed_total', /scrape_job="bad"/), 25),
      equal('requests with a header of the label', asked.filter(({ headers }) => headers.has('x-injected')).length, 0),
      equal('requests for another host', asked.filter(({ headers }) => headers.get('host') !== here).length, 0),
      equal('labels named as an object has them arrive', prototypes.length, 1),
      ...rig.neighbours(),
      ...rig.agent.loop(),
    ];
  },
} satisfies Threat;

const group = (address: string, labels: Labels = {}) => [{ targets: [address], labels }];
const hostOf = ({ headers, path }: RawRequest): string => `${headers.get('host')}${path}`;
