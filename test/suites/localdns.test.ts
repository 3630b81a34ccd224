/** AKS's localdns exporter: its own tests, recorded pages and Corefiles, against the shipped configuration. */
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { stopChildren, until } from '../support/children.ts';
import {
  COREFILE,
  CPU_STAT,
  type Exporter,
  MEMORY,
  makeNode,
  type Node,
  PID_FILE,
  saidBy,
  startExporter,
} from '../support/localdns.ts';
import { fetchPage, parsePage } from '../support/page.ts';
import { readAll } from '../support/servers.ts';
import { SUITES, suite } from '../support/suites.ts';

interface Lines {
  must_include?: string[];
  must_not_include?: string[];
}
interface ForwardCase extends Lines {
  name: string;
  corefile: string;
}
interface ResourceCase extends Lines {
  name: string;
  pid_alive: boolean;
  files: Record<string, string>;
}
interface HttpCase extends Lines {
  name: string;
  request?: string;
  status?: number;
  content_type?: string;
  includes?: string[];
  closed_within_s?: number;
}

const localdns = suite('localdns');
const DATA = resolve(SUITES, '../data/azure-localdns');
const data = (...path: string[]) => readFileSync(join(DATA, ...path), 'utf8');

/**
 * The recorded Corefiles that the original's awk reads otherwise than CoreDNS does, with what CoreDNS makes of them. The
 * table in receivers/localdns/README.md says why.
 */
const READ_DIFFERENTLY: Record<string, string[]> = {
  'bind-after-forward': ['vnetdns .:53 1.2.3.4', 'kubedns missing'],
  'bind-both': ['vnetdns .:53 1.2.3.4', 'kubedns .:53 1.2.3.4'],
  'commented-forward': ['vnetdns .:53 1.2.3.4', 'kubedns missing'],
  'multi-space-forward': ['vnetdns .:53 1.2.3.4', 'kubedns missing'],
  'no-port': ['vnetdns a.local 1.2.3.4', 'kubedns missing'],
  'other-port': ['vnetdns a.local:5353 1.2.3.4', 'kubedns missing'],
};

function expectLines(page: string, { must_include = [], must_not_include = [] }: Lines): void {
  // Number format and the order of labels are free.
  for (const line of must_include) {
    for (const [key, value] of parsePage(line).samples) expect(parsePage(page).samples.get(key), line).to.equal(value);
  }
  for (const text of must_not_include) expect(page).to.not.include(text);
}

describe('the localdns suite', () => {
  let node: Node;
  let exporter: Exporter;
  let marks = 0;

  before(async () => {
    node = makeNode();
    exporter = await startExporter(node.tree.path);
  });
  after(async () => {
    await stopChildren();
    node.remove();
  });
  /** The page of the first collection after this change of the Corefile; the memory tells it from those before. */
  async function pageWith(corefile: string): Promise<string> {
    const mark = ++marks;
    node.tree.write({ [COREFILE]: corefile });
    node.tree.write({ [MEMORY]: `${mark}\n` });
    const page = await until(async () => {
      const text = await fetchPage(exporter.url);
      return parsePage(text).samples.get('localdns_memory_usage_bytes{}') === mark && text;
    }, 'a collection has followed the change');
    return page.replace(/^localdns_memory_usage_bytes .*$/m, 'localdns_memory_usage_bytes 8388608');
  }

  for (const one of localdns.json<ForwardCase[]>('forward-info-cases.json')) {
    localdns.holds(one.name, async () => expectLines(await pageWith(one.corefile), one));
  }

  describe('a page of recorded Corefiles', () => {
    /** The whole page that the original shows with these forward addresses while it is active. */
    const original = (forwards: string) => saidBy(data('golden-resources-active.prom') + forwards);
    const corefile = (name: string, nameservers?: string) => {
      const text = data(`corefile-${name}.txt`);
      return nameservers ? text.replaceAll('168.63.129.16', nameservers) : text;
    };
    const goldens = readdirSync(DATA).filter((name) => name.startsWith('golden-forward_ips-'));
    for (const golden of goldens) {
      const [, name = '', dns] = /^golden-forward_ips-(.*)\.(azuredns|customdns)\.prom$/.exec(golden) ?? [];
      it(`equals ${golden}`, async () => {
        const text = corefile(name, dns === 'customdns' ? '10.1.0.4 10.1.0.5' : undefined);
        expect(saidBy(await pageWith(text))).to.deep.equal(original(data(golden)));
      });
    }

    it('equals that of vnet3-kube1-hosts for the Corefile that the node controller renders', async () => {
      const page = await pageWith(corefile('anc-vnet3-kube1-hosts'));
      expect(saidBy(page)).to.deep.equal(original(data('golden-forward_ips-vnet3-kube1-hosts.azuredns.prom')));
    });

    const edges = readdirSync(join(DATA, 'edge')).filter((name) => name.endsWith('.corefile'));
    for (const edge of edges.map((name) => name.replace('.corefile', ''))) {
      const ours = READ_DIFFERENTLY[edge];
      it(`${ours ? 'is as CoreDNS, not awk, reads' : 'equals the original for'} edge/${edge}`, async () => {
        const page = saidBy(await pageWith(data('edge', `${edge}.corefile`)));
        const theirs = original(data('edge', `${edge}.forward_ips.prom`));
        if (!ours) return void expect(page).to.deep.equal(theirs);
        expect(page.samples).to.not.deep.equal(theirs.samples);
        expect(forwardsOn(page.samples)).to.have.members(ours);
      });
    }
    it('has a recorded Corefile for each that is said to be read differently', () => {
      expect(edges).to.include.members(Object.keys(READ_DIFFERENTLY).map((name) => `${name}.corefile`));
    });
  });

  for (const one of localdns.json<ResourceCase[]>('resource-cases.json')) {
    localdns.holds(one.name, async () => {
      const own = makeNode({ [CPU_STAT]: one.files['cpu.stat'], [MEMORY]: one.files['memory.current'] });
      if (!one.pid_alive) await own.die();
      const { url } = await startExporter(own.tree.path);
      expectLines(await fetchPage(url), one);
      own.remove();
    });
  }

  describe('a page of recorded resources', () => {
    const forwards = data('golden-forward_ips-no-overrides.azuredns.prom');
    const text = data('corefile-no-overrides.txt');
    const equals = (golden: string, files: Record<string, string | undefined>) =>
      it(`equals ${golden}`, async () => {
        const own = makeNode({ [COREFILE]: text, ...files });
        const { url } = await startExporter(own.tree.path);
        expect(saidBy(await fetchPage(url))).to.deep.equal(saidBy(data(golden) + forwards));
        own.remove();
      });
    equals('golden-resources-active.prom', {});
    equals('golden-resources-inactive.prom', { [PID_FILE]: '9999999\n' });
    equals('golden-resources-no-cgroup.prom', { sys: undefined });
  });

  describe('by HTTP', () => {
    const connect = () => net.connect({ port: exporter.port, host: '127.0.0.1' });
    const say = async (text: string) => {
      const socket = connect();
      socket.write(text);
      return (await readAll(socket)).toString();
    };
    const checks: Record<string, (one: HttpCase) => Promise<void>> = {
      metrics: sayAndCheck,
      404: sayAndCheck,
      async 'silent client'({ closed_within_s = 0 }) {
        const began = performance.now();
        expect(await say('')).to.equal('');
        const took = (performance.now() - began) / 1000;
        expect(took).to.be.within(4, closed_within_s + 0.2);
      },
      async 'reset-free close'() {
        // A reset fails the read.
        for (let i = 0; i < 30; i++) {
          const head = `GET /metrics HTTP/1.1\r\nHost: x\r\n${`X-${i}: ${'y'.repeat(100)}\r\n`.repeat(100)}\r\n`;
          expect(await say(head)).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nConnection: close\r\n/i);
        }
      },
      async 'connection cap'() {
        const held = Array.from({ length: 10 }, connect);
        await Promise.all(held.map((socket) => new Promise((go) => socket.once('connect', go))));
        const refused = await readAll(connect()).then(String, (error: Error) => error.message);
        expect(refused).to.match(/^$|ECONNRESET/);
        for (const socket of held) socket.destroy();
        await until(() => fetchPage(exporter.url).catch(() => undefined), 'the next scrape works');
      },
      async 'files missing'(one) {
        const own = makeNode();
        own.tree.write({ run: undefined, sys: undefined });
        const { url } = await startExporter(own.tree.path);
        const page = await fetchPage(url);
        expectLines(page, one);
        const [, recorded = ''] = data('http', '200-no-prom-files.http').split(/\r?\n\r?\n/);
        expect(saidBy(page)).to.deep.equal(saidBy(recorded));
        own.remove();
      },
    };
    async function sayAndCheck(one: HttpCase) {
      const said = await say(one.request ?? '');
      expect(said.split(' ')[1]).to.equal(String(one.status));
      if (one.content_type) expect(said).to.include(`: ${one.content_type}`);
      for (const text of one.includes ?? []) expect(said).to.include(text);
    }
    for (const one of localdns.json<HttpCase[]>('http-cases.json')) {
      localdns.holds(one.name, async () => {
        const check = checks[one.name];
        expect(check, 'there is a check for it').to.not.equal(undefined);
        await check!(one);
      });
    }

    for (const [file, request] of [
      ['404-root.http', 'GET / HTTP/1.1'],
      ['404-query.http', 'GET /metrics?x=1 HTTP/1.1'],
    ] as const) {
      it(`answers as in ${file}`, async () => {
        const [head = '', body = ''] = data('http', file).split(/\r?\n\r?\n/);
        const [ourHead = '', ourBody] = (await say(`${request}\r\nHost: x\r\n\r\n`)).split('\r\n\r\n');
        for (const line of head.split(/\r?\n/)) expect(ourHead.toLowerCase()).to.include(line.toLowerCase());
        expect(ourBody).to.equal(body);
      });
    }

    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
      it(`has the page for ${method}, too`, async () => {
        expect(await say(`${method} /metrics HTTP/1.1\r\nHost: x\r\n\r\n`)).to.match(/^HTTP\/1\.1 200 OK\r\n/);
      });
    }

    it('shows what the original shows, head and page', async () => {
      const [head = '', recorded = ''] = data('http', '200-full.http').split(/\r?\n\r?\n/);
      const text = data('corefile-vnet3-kube3-hosts.txt').replaceAll('168.63.129.16', '10.1.0.4 10.1.0.5');
      expect(saidBy(await pageWith(text))).to.deep.equal(saidBy(recorded));
      const [ourHead = ''] = (await say('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')).split('\r\n\r\n');
      for (const line of head.split(/\r?\n/)) expect(ourHead.toLowerCase()).to.include(line.toLowerCase());
    });
  });

  describe('the systemd units', () => {
    const unit = (name: string) =>
      readFileSync(resolve(import.meta.dirname, '../../deploy/systemd', name), 'utf8').split('\n');
    for (const directive of localdns.json<string[]>('unit-hardening-required.json')) {
      localdns.holds(directive, () => {
        expect(unit('localdns-exporter.service')).to.include(directive);
        const key = directive.slice(0, directive.indexOf('=') + 1);
        expect(unit('localdns-exporter.service').filter((line) => line.startsWith(key))).to.have.length(1);
      });
    }
    it('listen where the original does, for one agent', () => {
      expect(unit('localdns-exporter.socket')).to.include.members([
        'ListenStream=0.0.0.0:9353',
        'Accept=no',
        'WantedBy=sockets.target',
      ]);
    });
  });

  localdns.listIsCurrent();
});

/** `vnetdns .:53 1.2.3.4`, or `vnetdns missing`. */
function forwardsOn(samples: Record<string, number | string>): string[] {
  return Object.keys(samples).flatMap((key) => {
    const [, family, block, ip, status] =
      /^localdns_(\w+)_forward_info\{block="(.*)",ip="(.*)",status="(.*)"\}$/.exec(key) ?? [];
    return family ? [status === 'ok' ? `${family} ${block} ${ip}` : `${family} ${status}`] : [];
  });
}
