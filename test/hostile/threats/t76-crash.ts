import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { freePorts } from '../../support/children.ts';
import { makeTree } from '../../support/tree.ts';
import { launchAgent, PROJECT, startAgent, until } from '../kit/agent.ts';
import { atMost, equal, type Lab, type Measure, says, type Threat } from '../kit/threat.ts';

export default {
  id: 'T76',
  title: 'errors that nobody caught',
  alone: true,
  async run(lab) {
    return [
      ...(await dies(lab, 'a rejection', 'setTimeout(() => Promise.reject(new Error("boom")), 300);')),
      ...(await dies(lab, 'an exception', 'setTimeout(() => { throw new Error("boom"); }, 300);')),
      ...(await component(lab)),
      ...(await portInUse(lab)),
      ...unit(),
    ];
  },
} satisfies Threat;

const SERVICE = {
  telemetry: { metrics: { level: 'none' } },
  pipelines: { metrics: { receivers: ['plugged'], exporters: ['debug'] } },
};

/** A plugin with a receiver that does as told, and code that runs with it but belongs to no component. */
function plugin(lab: Lab, outside: string, inside = ''): string {
  const tree = makeTree({
    'plugin.mjs': `${outside}
export default {
  kind: 'receiver', type: 'plugged', stability: 'alpha', summary: 'x', config: { read: () => ({}), describe: () => ({}) },
  create: () => ({ async start() { ${inside} } }),
};`,
  });
  lab.defer(() => tree.remove());
  return `${tree.path}/plugin.mjs`;
}

async function dies(lab: Lab, what: string, code: string): Promise<Measure[]> {
  const agent = await startAgent(lab, {
    plugins: [plugin(lab, code)],
    receivers: { plugged: {} },
    exporters: { debug: {} },
    service: SERVICE,
  });
  await agent.says(/boom/);
  const said = performance.now();
  const { code: status, at } = await agent.exit;
  const about = agent
    .output()
    .split('\n')
    .filter((line) => line.includes('boom'));
  return [
    equal(`${what}: exit code`, status ?? -1, 1),
    atMost(`${what}: gone after`, at - said, 1000, 'ms'),
    equal(`${what}: lines that name it`, about.length, 1),
    says(`${what}: the line`, about[0], /error.*not caught.*boom/),
  ];
}

/** An error in a component's own time fails that component, which the health check then tells. */
async function component(lab: Lab): Promise<Measure[]> {
  const [port = 0] = await freePorts(1);
  const agent = await startAgent(lab, {
    plugins: [plugin(lab, '', 'setTimeout(() => { throw new Error("boom"); }, 300);')],
    receivers: { plugged: {} },
    exporters: { debug: {} },
    extensions: { health_check: { endpoint: `127.0.0.1:${port}` } },
    service: { ...SERVICE, extensions: ['health_check'] },
  });
  await agent.says(/boom/);
  const said = performance.now();
  let status = 0;
  await until(
    async () => {
      status = (await fetch(`http://127.0.0.1:${port}/`)).status;
      return status !== 200;
    },
    'the health check tells',
    5000,
  );
  return [
    equal('in a component: health', status, 503),
    atMost('in a component: told after', performance.now() - said, 1000, 'ms'),
  ];
}

async function portInUse(lab: Lab): Promise<Measure[]> {
  const taken = net.createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  lab.defer(() => taken.close());
  const { port } = taken.address() as net.AddressInfo;
  const began = performance.now();
  const agent = launchAgent(lab, {
    receivers: { prometheus: { config: { scrape_configs: [] } } },
    exporters: { prometheus: { endpoint: `127.0.0.1:${port}` } },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { metrics: { receivers: ['prometheus'], exporters: ['prometheus'] } },
    },
  });
  const { code, at } = await agent.exit;
  const errors = agent
    .output()
    .split('\n')
    .filter((line) => /error/i.test(line));
  return [
    equal('port in use: exit code', code ?? -1, 1),
    atMost('port in use: gone after its start', at - began, 1000, 'ms'),
    equal('port in use: lines about it', errors.length, 1),
    says('port in use: the line', errors[0], /in use/),
  ];
}

/** A unit that always fails must not be started for ever. */
function unit(): Measure[] {
  const folder = `${PROJECT}deploy/systemd`;
  const units = readdirSync(folder).filter((name) => name.endsWith('.service'));
  const unbounded = units.filter((name) => {
    const text = readFileSync(`${folder}/${name}`, 'utf8');
    return !/^StartLimitBurst=\d+$/m.test(text) || !/^StartLimitIntervalSec=[1-9]\w*$/m.test(text);
  });
  return [equal('units without StartLimit', unbounded.join(' ') || 'none', 'none')];
}
