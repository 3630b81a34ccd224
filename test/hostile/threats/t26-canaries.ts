import { freePorts } from '../../support/children.ts';
import { fetchPage } from '../../support/page.ts';
import { makeTree } from '../../support/tree.ts';
import { type Agent, launchAgent, startAgent, until } from '../kit/agent.ts';
import { job } from '../kit/rig.ts';
import { atLeast, equal, type Lab, type Threat } from '../kit/threat.ts';
import { head, serve } from '../kit/wire.ts';

const canary = (n: number): string => `canary${String(n).padStart(2, '0')}secret`;

export default {
  id: 'T26',
  title: 'planted secrets, everywhere that the agent writes',
  async run(lab) {
    const seen = new Set<string>();
    // Echoes what it was sent, as a careless server does in its error page.
    const echo = await serve(lab, ({ headers, path }, socket) => {
      const sent = decoded(`${path} ${[...headers].join(' ')}`);
      for (let n = 1; n <= 16; n++) if (sent.includes(canary(n))) seen.add(canary(n));
      socket.write(
        Buffer.concat([head(401, { 'www-authenticate': 'Basic', 'content-length': 4 }), Buffer.from('who?')]),
      );
    });
    const tree = makeTree({ token: canary(9), ca: 'x' });
    lab.defer(() => tree.remove());
    const [page = 0, own = 0] = await freePorts(2);
    const config = configOf(echo.port, page, own, tree.path);
    const env = {
      SECRET_ENV: canary(10),
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: canary(11),
      AWS_SESSION_TOKEN: canary(12),
      AWS_REGION: 'x',
    };
    const agent = await startAgent(lab, config, { env });
    await until(() => seen.size >= 9, `the secrets are used: ${[...seen]}`);
    const pages = await Promise.all([page, own].map((port) => fetchPage(`http://127.0.0.1:${port}/metrics`)));
    agent.rewrite({ ...config, exportrs: { token: canary(13) } });
    agent.kill('SIGHUP');
    await agent.says(/exportrs/);
    agent.kill('SIGTERM');
    await agent.exit;
    const said = [agent.output(), ...pages, ...(await commands(lab, config, env))];
    const told = hits(said.join('\n'));
    return [
      atLeast('secrets that were used', seen.size, 9),
      equal('told by logs at debug, pages, print-config, errors', told.join(' ') || 'none', 'none'),
      ...(await crash(lab, config, env)),
    ];
  },
} satisfies Threat;

function configOf(port: number, page: number, own: number, files: string): object {
  const scrape = (name: string, more: object) => job(name, [port], more);
  const write = (n: number, more: object) => [
    `prometheusremotewrite/${n}`,
    { endpoint: `http://127.0.0.1:${port}/`, ...more },
  ];
  return {
    receivers: {
      prometheus: {
        config: {
          scrape_configs: [
            scrape('basic', { basic_auth: { username: 'u', password: canary(1) } }),
            scrape('bearer', { authorization: { credentials: canary(2) } }),
            scrape('file', { authorization: { credentials_file: `${files}/token` } }),
            scrape('header', { http_headers: { 'X-Key': { secrets: [canary(3)] } } }),
            scrape('query', { params: { token: [canary(4)] } }),
          ],
        },
      },
    },
    exporters: {
      prometheus: { endpoint: `127.0.0.1:${page}` },
      ...Object.fromEntries([
        write(1, { endpoint: `http://u:${canary(5)}@127.0.0.1:${port}/` }),
        write(2, { headers: { Authorization: `Bearer ${canary(6)}` } }),
        write(3, { auth: { authenticator: 'basicauth' } }),
        write(4, { auth: { authenticator: 'bearertokenauth' } }),
        write(5, { headers: { 'X-Env': '${env:SECRET_ENV}' } }),
        write(6, { auth: { authenticator: 'sigv4auth' } }),
      ]),
    },
    extensions: {
      basicauth: { client_auth: { username: 'u', password: canary(7) } },
      bearertokenauth: { token: canary(8) },
      sigv4auth: { service: 'aps' },
    },
    service: {
      extensions: ['basicauth', 'bearertokenauth', 'sigv4auth'],
      telemetry: {
        logs: { level: 'debug' },
        metrics: { readers: [{ pull: { exporter: { prometheus: { host: '127.0.0.1', port: own } } } }] },
      },
      pipelines: {
        metrics: {
          receivers: ['prometheus'],
          exporters: ['prometheus', ...[1, 2, 3, 4, 5, 6].map((n) => `prometheusremotewrite/${n}`)],
        },
      },
    },
  };
}

/** What the other commands say of the same configuration, sound and broken. */
async function commands(lab: Lab, config: object, env: Record<string, string>): Promise<string[]> {
  const broken = JSON.parse(JSON.stringify(config).replace('"basic_auth":{', '"basic_auht":{')) as object;
  const agents: Agent[] = [config, broken].flatMap((one) =>
    ['print-config', 'validate'].map((command) => launchAgent(lab, one, { env, command })),
  );
  await Promise.all(agents.map((agent) => agent.exit));
  return agents.map((agent) => agent.output());
}

/** An error that nobody caught, with the whole configuration in memory. */
async function crash(lab: Lab, config: object, env: Record<string, string>) {
  const flags = ['--import', `data:text/javascript,setTimeout(()=>{throw new Error("boom")},1500)`];
  const [page = 0, own = 0] = await freePorts(2);
  const text = JSON.stringify(config).replace(/"port":\d+/, `"port":${own}`);
  const agent = launchAgent(
    lab,
    JSON.parse(
      text.replace(/"prometheus":\{"endpoint":"[^"]*"/, `"prometheus":{"endpoint":"127.0.0.1:${page}"`),
    ) as object,
    { env, flags },
  );
  const { code } = await agent.exit;
  return [
    equal('crash: exit code', code ?? -1, 1),
    equal('crash: told', hits(agent.output()).join(' ') || 'none', 'none'),
  ];
}

/** The canaries in a text, as they are and as what they are sent as. */
function hits(text: string): string[] {
  const all = Array.from({ length: 16 }, (_, i) => canary(i + 1));
  return all.filter((one) => decoded(text).includes(one));
}

/** With every piece of base64 in it read, too. */
function decoded(text: string): string {
  const pieces = text.match(/[A-Za-z0-9+/]{12,}={0,2}/g) ?? [];
  return [text, ...pieces.map((piece) => Buffer.from(piece, 'base64').toString('latin1'))].join('\n');
}
