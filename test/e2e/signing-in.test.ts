import { expect } from 'chai';
import { type Agent, startAgent } from '../support/agent.ts';
import { type Amp, amp, type Sts, sts } from '../support/aws.ts';
import { freePorts, stopChildren, until } from '../support/children.ts';
import { fetchPage } from '../support/page.ts';
import { closeServers, httpServer, readAll } from '../support/servers.ts';
import { makeTree, type Tree } from '../support/tree.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

/** Where each exporter sends, and what it must show there. The clouds are doubles: real ones cannot be had here. */
interface Places {
  page: number;
  aws: Amp;
  sts: Sts;
  api: number;
  own: number;
}

const yaml = ({ page, aws, api, own }: Places, folder: string) => `
receivers:
  prometheus:
    config:
      global: {scrape_interval: 200ms, scrape_timeout: 200ms}
      scrape_configs: [{job_name: page, static_configs: [{targets: ['127.0.0.1:${page}']}]}]
extensions:
  sigv4auth: {service: aps}
  basicauth: {client_auth: {username: me, password_file: '${folder}/password'}}
  bearertokenauth: {filename: '${folder}/token'}
  oauth2client:
    client_id: me
    client_secret: CANARY-client-secret
    token_url: http://127.0.0.1:${api}/token
    endpoint_params: {assertion: CANARY-assertion}
exporters:
  prometheus_remote_write/aws: {endpoint: '${aws.url}/workspaces/ws/api/v1/remote_write', auth: {authenticator: sigv4auth}}
  prometheus_remote_write/basic: {endpoint: 'http://127.0.0.1:${api}/basic', auth: {authenticator: basicauth}}
  prometheus_remote_write/bearer: {endpoint: 'http://127.0.0.1:${api}/bearer', auth: {authenticator: bearertokenauth}}
  otlp_http: {metrics_endpoint: 'http://127.0.0.1:${api}/oauth', auth: {authenticator: oauth2client}}
service:
  extensions: [sigv4auth, basicauth, bearertokenauth, oauth2client]
  telemetry:
    logs: {level: debug, sampling: {enabled: false}}
    metrics: {readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${own}}}}}]}
  pipelines:
    metrics:
      receivers: [prometheus]
      exporters: [prometheus_remote_write/aws, prometheus_remote_write/basic, prometheus_remote_write/bearer, otlp_http]
`;

describe('an agent that signs in', () => {
  let tree: Tree;
  afterEach(async () => {
    await stopChildren();
    await closeServers();
    tree.remove();
  });

  it('to everybody, through every rotation, with no request refused and no secret shown', async () => {
    tree = makeTree({ web: 'good-CANARY-web-0', token: 'CANARY-bearer-0', password: 'CANARY-password-0' });
    const good: Record<string, string> = {
      '/basic': basic('me:CANARY-password-0'),
      '/bearer': 'Bearer CANARY-bearer-0',
      '/oauth': 'Bearer CANARY-oauth',
    };
    const seen: Record<string, number> = {};
    let refused = 0;
    let broken = false;
    const api = await httpServer(async (request, response) => {
      await readAll(request);
      const path = request.url!;
      if (path === '/token') {
        return response.end(JSON.stringify({ access_token: 'CANARY-oauth', expires_in: 2 }));
      }
      const isGood = request.headers.authorization === good[path] && !broken;
      if (isGood) seen[path] = (seen[path] ?? 0) + 1;
      else refused++;
      response.writeHead(isGood ? 200 : 401, { 'content-type': 'application/x-protobuf' }).end();
    });
    const page = await httpServer((_request, response) => response.end('a 1\n'));
    const [own = 0] = await freePorts(1);
    const aws = await amp(Date.now);
    const there = await sts(Date.now);
    there.life = 4000;
    aws.known = there.given;
    const places: Places = { page: page.port, aws, sts: there, api: api.port, own };
    const agent = await startAgent(yaml(places, tree.path), {
      env: {
        AWS_REGION: 'eu-west-1',
        AWS_WEB_IDENTITY_TOKEN_FILE: `${tree.path}/web`,
        AWS_ROLE_ARN: 'arn:aws:iam::1:role/writer',
        AWS_ENDPOINT_URL_STS: there.url,
      },
    });
    const arrived = () => Math.min(...Object.keys(good).map((path) => seen[path] ?? 0), aws.calls.length);
    for (let round = 1; round <= 5; round++) {
      const from = arrived();
      await until(() => arrived() >= from + 5, 'all four have sent');
      // Each server changes its mind first.
      good['/basic'] = basic(`me:CANARY-password-${round}`);
      good['/bearer'] = `Bearer CANARY-bearer-${round}`;
      tree.write({
        web: `good-CANARY-web-${round}`,
        token: `CANARY-bearer-${round}`,
        password: `CANARY-password-${round}`,
      });
    }
    await until(() => there.given.length >= 3, 'AWS credentials were replaced');
    expect(refused).to.be.below(10);
    expect(await failed(own)).to.equal(0);
    expect(agent.output()).to.match(/accepted the first \d+ samples/);
    expect(agent.output()).to.match(/signs with the role arn:aws:iam::1:role\/writer, by the web identity token in/);
    expect(agent.output()).to.not.contain('CANARY');

    broken = true;
    aws.next = () => ({ status: 403, body: '{"message":"User: arn:x is not authorized to perform: aps:RemoteWrite"}' });
    await agent.says(
      /answered 403: .*aps:RemoteWrite.*\(give that identity leave for aps:RemoteWrite .*; sigv4auth signed for the service aps in eu-west-1 with the role/,
    );
    await agent.says(/answered 401 \(signed in as me\)/);
    await agent.says(/answered 401 \(the token is from .*\/token\)/);
    await agent.says(/answered 401 \(the token is from http:\/\/127\.0\.0\.1:\d+\/token\)/);
    expect(await fetchPage(`http://127.0.0.1:${own}/metrics`)).to.not.contain('CANARY');
    await stopped(agent);
    expect(agent.output()).to.not.contain('CANARY');
  });

  async function failed(own: number): Promise<number> {
    const text = await fetchPage(`http://127.0.0.1:${own}/metrics`);
    const lines = [...text.matchAll(/^otelcol_exporter_send_failed_metric_points\S* (\d+)/gm)];
    return lines.reduce((sum, [, n]) => sum + Number(n), 0);
  }
  async function stopped(agent: Agent): Promise<void> {
    agent.kill('SIGTERM');
    expect((await agent.exit).code).to.equal(0);
  }
});

describe('an agent whose pages want a password', () => {
  afterEach(stopChildren);

  it('shows them to whoever has it, its own scraper among them', async () => {
    const [page = 0, health = 0, copy = 0] = await freePorts(3);
    const scrape = `{job_name: page, basic_auth: {username: me, password: CANARY-1}, static_configs: [{targets: ['127.0.0.1:${page}']}]}`;
    const agent = await startAgent(`
receivers:
  prometheus: {config: {global: {scrape_interval: 200ms, scrape_timeout: 200ms}, scrape_configs: [${scrape}]}}
  cgroup: {collection_interval: 200ms, cgroups: ['*']}
extensions:
  health_check: {endpoint: '127.0.0.1:${health}', auth: {authenticator: bearertokenauth}}
  bearertokenauth: {token: CANARY-2}
  basicauth: {htpasswd: {inline: 'me:CANARY-1'}}
exporters:
  prometheus/page: {endpoint: '127.0.0.1:${page}', auth: {authenticator: basicauth}}
  prometheus/copy: {endpoint: '127.0.0.1:${copy}'}
service:
  extensions: [health_check, bearertokenauth, basicauth]
  telemetry: {metrics: {level: none}, logs: {level: debug}}
  pipelines:
    metrics/page: {receivers: [cgroup], exporters: [prometheus/page]}
    metrics/copy: {receivers: [prometheus], exporters: [prometheus/copy]}
`);
    const status = async (port: number, authorization?: string) =>
      (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: authorization ? { authorization } : {} })).status;
    expect(await status(page)).to.equal(401);
    expect(await status(page, basic('me:CANARY-0'))).to.equal(401);
    expect(await status(page, basic('me:CANARY-1'))).to.equal(200);
    expect(await status(health)).to.equal(401);
    expect(await status(health, 'Bearer CANARY-2')).to.equal(200);
    await until(
      async () => /^up\{.*job="page".*\} 1$/m.test(await fetchPage(`http://127.0.0.1:${copy}/metrics`)),
      'up is 1',
    );
    expect(agent.output()).to.not.contain('CANARY');
  });
});
