import { type Amp, amp, type Double, double, type Sts, sts } from '../../support/aws.ts';
import { closeServers, httpServer, readAll } from '../../support/servers.ts';
import { makeTree, type Tree } from '../../support/tree.ts';
import { type Agent, startAgent, until } from '../kit/agent.ts';
import { atLeast, atMost, equal, type Lab, type Measure, type Threat } from '../kit/threat.ts';

/** Milliseconds that AWS keys and OAuth tokens live; they are replaced at half of that. */
const LIFE = 4000;
const ROTATIONS = 20;
const HOUR = 3_600_000;

/** The clouds are doubles that verify each signature: real ones cannot be had here. */
export default {
  id: 'T65',
  title: 'credentials: rotation, a wrong clock, a redirect',
  async run(lab) {
    lab.defer(closeServers);
    const tree = makeTree({ web: 'good-CANARY-0', token: 'CANARY-0' });
    lab.defer(() => tree.remove());
    return [...(await rotating(lab, tree)), ...(await wrongClock(lab, tree)), ...(await redirected(lab, tree))];
  },
} satisfies Threat;

interface Cloud {
  aws: Amp;
  sts: Sts;
}

/** AWS by this clock. */
async function cloud(now: () => number): Promise<Cloud> {
  const made = { aws: await amp(now), sts: await sts(now) };
  made.sts.life = LIFE;
  made.aws.known = made.sts.given;
  return made;
}

const write = (endpoint: string, authenticator: string) => ({ endpoint, auth: { authenticator } });

async function run(lab: Lab, tree: Tree, { sts: { url } }: Cloud, exporters: Record<string, object>): Promise<Agent> {
  const page = await httpServer((_request, response) => response.end('a 1\nb 2\n'));
  const scrape = { job_name: 'page', static_configs: [{ targets: [`127.0.0.1:${page.port}`] }] };
  const global = { scrape_interval: '100ms', scrape_timeout: '100ms' };
  const config = {
    receivers: { prometheus: { config: { global, scrape_configs: [scrape] } } },
    extensions: { sigv4auth: { service: 'aps' }, bearertokenauth: { filename: `${tree.path}/token` } },
    exporters,
    service: {
      extensions: ['sigv4auth', 'bearertokenauth'],
      telemetry: { logs: { level: 'debug' }, metrics: { level: 'none' } },
      pipelines: { metrics: { receivers: ['prometheus'], exporters: Object.keys(exporters) } },
    },
  };
  const env = {
    AWS_REGION: 'eu-west-1',
    AWS_WEB_IDENTITY_TOKEN_FILE: `${tree.path}/web`,
    AWS_ROLE_ARN: 'arn:aws:iam::1:role/w',
    AWS_ENDPOINT_URL_STS: url,
  };
  return startAgent(lab, config, { env });
}

const secretsIn = (agent: Agent) => agent.output().split('CANARY').length - 1;
const droppedBy = (agent: Agent) => agent.output().split(/ dropped \d+ metric points/).length - 1;

/** Token files swapped under load, the server changing first, and AWS keys that live four seconds. */
async function rotating(lab: Lab, tree: Tree): Promise<Measure[]> {
  const there = await cloud(Date.now);
  let good = 'Bearer CANARY-0';
  let taken = 0;
  const bearer = await httpServer(async (request, response) => {
    await readAll(request);
    const isGood = request.headers.authorization === good;
    if (isGood) taken++;
    response.writeHead(isGood ? 204 : 401).end();
  });
  const agent = await run(lab, tree, there, {
    'prometheus_remote_write/aws': write(`${there.aws.url}/w`, 'sigv4auth'),
    'prometheus_remote_write/bearer': write(`http://127.0.0.1:${bearer.port}/w`, 'bearertokenauth'),
  });
  for (let n = 1; n <= ROTATIONS; n++) {
    const from = taken;
    await until(() => taken >= from + 3, 'requests are taken');
    good = `Bearer CANARY-${n}`;
    tree.write({ token: `CANARY-${n}`, web: `good-CANARY-${n}` });
  }
  await until(() => there.sts.given.length >= 4, 'AWS keys were replaced three times');
  return [
    atLeast('requests to AWS', there.aws.calls.length, 50),
    equal('requests given up over swapped files', droppedBy(agent), 0),
    equal('secrets in the log', secretsIn(agent), 0),
    ...agent.loop(),
  ];
}

/** AWS' clock is an hour ahead of ours. */
async function wrongClock(lab: Lab, tree: Tree): Promise<Measure[]> {
  const there = await cloud(() => Date.now() + HOUR);
  const agent = await run(lab, tree, there, { prometheus_remote_write: write(`${there.aws.url}/w`, 'sigv4auth') });
  await until(() => there.aws.calls.length >= 30, 'requests reach AWS');
  const early = there.aws.calls.filter(({ headers }) => isOurTime(String(headers['x-amz-date'])));
  return [
    atMost('requests signed by the wrong clock, of five lanes', early.length, 5),
    equal('requests given up', droppedBy(agent), 0),
    equal('secrets in the log', secretsIn(agent), 0),
  ];
}

function isOurTime(date: string): boolean {
  const hour = (ms: number) => new Date(ms).toISOString().slice(0, 13).replace(/[-:]/g, '');
  return [0, -60_000].some((ago) => date.startsWith(hour(Date.now() + ago)));
}

/** AWS sends us on to another host. */
async function redirected(lab: Lab, tree: Tree): Promise<Measure[]> {
  const there = await cloud(Date.now);
  const stranger: Double = await double(Date.now, () => ({}));
  const location = `${stranger.url.replace('127.0.0.1', 'localhost')}/steal`;
  there.aws.next = () => ({ status: 307, headers: { location } });
  const agent = await run(lab, tree, there, { prometheus_remote_write: write(`${there.aws.url}/w`, 'sigv4auth') });
  await until(() => stranger.calls.length >= 5, 'redirects are followed');
  const telling = /^(authorization|referer|cookie|x-amz-.*)$/;
  const leaked = stranger.calls.flatMap(({ headers }) => Object.keys(headers).filter((name) => telling.test(name)));
  return [
    equal('headers of the authenticator at another host', leaked.length, 0),
    equal('secrets in the log', secretsIn(agent), 0),
  ];
}
