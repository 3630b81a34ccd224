import { suite } from '../../support/suites.ts';
import { until } from '../kit/agent.ts';
import { job, type Rig, startRig } from '../kit/rig.ts';
import { atLeast, atMost, equal, type Lab, type Measure, most, type Threat } from '../kit/threat.ts';
import { answer, type RawRequest, serve } from '../kit/wire.ts';

interface Chain {
  name: string;
  chain: string[];
  authorization_seen?: boolean[];
  cookie_seen?: boolean[];
}

const SECRET = 'canary-of-redirects';

/** Where nobody may be led. */
const FORBIDDEN = [
  'file:///etc/passwd',
  'unix:/run/docker.sock',
  'gopher://127.0.0.1/',
  'data:text/plain,stolen%201',
  'javascript:1',
  'http://169.254.169.254/latest/meta-data/iam/security-credentials/',
  'http://[fd00:ec2::254]/latest/',
  'http://2852039166/latest/',
  'http://0xa9fea9fe/latest/',
  'http://169.254.170.2/v2/credentials',
  'http://[::ffff:169.254.169.254]/latest/',
  'http://metadata.google.internal/computeMetadata/v1/',
  '//169.254.169.254/latest/',
  'http:',
];

export default {
  id: 'T15',
  title: 'redirects and where they lead',
  async run(lab) {
    const rig = await startRig(lab, { warm: 500 });
    return [...(await credentials(lab, rig)), ...(await loops(lab, rig)), ...rig.neighbours()];
  },
} satisfies Threat;

/** The suite's chains, with what a scrape configuration can say; all nine are held against the client in test:suites. */
async function credentials(lab: Lab, rig: Rig): Promise<Measure[]> {
  const { cases } = suite('http-config').json<{ cases: Chain[] }>('redirects.json');
  const chains = cases.filter(({ chain }) => chain.length > 1);
  const seen = chains.map((): RawRequest[] => []);
  const starts = await Promise.all(chains.map(({ chain }, i) => redirectChain(lab, chain, seen[i]!)));
  const http_headers = { Cookie: { secrets: [SECRET] }, 'X-Own': { secrets: [SECRET] } };
  await rig.attack([job('chain', starts, { authorization: { credentials: SECRET }, http_headers })]);
  await until(() => seen.every((got, i) => got.length >= chains[i]!.chain.length), 'all chains were followed');
  const wrong = chains.flatMap(({ name, chain, authorization_seen, cookie_seen }, i) => {
    const wanted = authorization_seen ?? cookie_seen ?? [];
    const got = seen[i]!.slice(0, chain.length).map(({ headers }) => JSON.stringify([...headers]).includes(SECRET));
    return got.join() === wanted.join() ? [] : [`${name}: ${got}`];
  });
  return [
    atLeast('chains followed', chains.length, 8),
    equal('credentials where they must not be, or not where they must', wrong.join('; ') || 'none', 'none'),
  ];
}

/** The first target's address; each hop sends on to the next, the last has a page. */
async function redirectChain(lab: Lab, chain: readonly string[], seen: RawRequest[]): Promise<string> {
  let next: string | undefined;
  for (const host of [...chain].reverse()) {
    const location = next;
    const { port } = await serve(lab, (request, socket) => {
      seen.push(request);
      socket.write(location ? answer(302, '', { location: `http://${location}/metrics` }) : answer(200, 'page 1\n'));
    });
    next = `${host.split(':')[0]}:${port}`;
  }
  return next!;
}

async function loops(lab: Lab, rig: Rig): Promise<Measure[]> {
  let hops = 0;
  let most_ = 0;
  const forever = await serve(lab, (request, socket) => {
    hops = request.path === '/metrics' ? 1 : hops + 1;
    most_ = Math.max(most_, hops);
    socket.write(answer(302, '', { location: `/${hops}` }));
  });
  const forbidden = await Promise.all(
    FORBIDDEN.map((location) => serve(lab, (_, socket) => socket.write(answer(302, '', { location })))),
  );
  const off = await serve(lab, (_, socket) => socket.write(answer(302, '', { location: '/other' })));
  const ports = forbidden.map(({ port }) => port);
  await rig.attack([
    job('forever', [forever.port]),
    job('forbidden', ports),
    job('off', [off.port], { follow_redirects: false }),
  ]);
  const ups = () => rig.sink.points('up', { job: 'forbidden' });
  await until(() => ups().length >= 2 * FORBIDDEN.length, 'all were scraped twice');
  await until(() => rig.sink.points('up', { job: 'off' }).length > 0, 'the one without redirects was scraped');
  const durations = rig.sink.points('scrape_duration_seconds', { job: 'forbidden' }).map(({ value }) => value * 1000);
  return [
    atMost('requests of an endless chain', most_, 11),
    ...rig.down('forever', /10 redirects/),
    equal('forbidden places that gave a page', ups().filter(({ value }) => value !== 0).length, 0),
    // Refused and not tried: an attempt at a metadata address would hang here until the timeout.
    atMost('refused within', most(durations), 500, 'ms'),
    ...rig.down('off', /302/),
  ];
}
