/** The server scenarios of the http-hardening suite, on the page of the prometheus exporter, with its own limits unless said. */
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import tls from 'node:tls';
import { expect } from 'chai';
import type { Exporter, ExporterFactory } from '#component';
import { parse } from '#config';
import { createHttpServer, type HttpServer } from '#http';
import { labelsOf, makeFamily, makeSeries, makeSet, type Snapshot } from '#metrics';
import { negotiateFormat } from '#prometheus';
import factory from '../../exporters/prometheus/prometheus.ts';
import basicauth from '../../extensions/basicauth/basicauth.ts';
import { snapshotOf } from '../support/batch.ts';
import { makeAuthority } from '../support/certificates.ts';
import { fakeHost } from '../support/host.ts';
import { readAll, until } from '../support/servers.ts';
import { suite } from '../support/suites.ts';
import { makeTree } from '../support/tree.ts';

const hardening = suite('http-hardening');
const scenarios = hardening.json<{ id: string; name: string }[]>('server-scenarios.json');
const never = new AbortController().signal;
const MIB = 2 ** 20;

describe("the http-hardening suite's server scenarios", () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** An exporter that shows so many series. */
  async function page(series = 10, config: object = {}): Promise<{ port: number; exporter: Exporter }> {
    const { create, config: schema } = factory as ExporterFactory;
    const exporter = create(parse(schema, { endpoint: '127.0.0.1:0', ...config }), fakeHost('exporter', 'prometheus'));
    await exporter.start?.(never);
    ends.push(() => exporter.stop?.(AbortSignal.abort()));
    await exporter.consume([many(series)], never);
    return { port: Number(new URL(exporter.address!()!).port), exporter };
  }

  async function server(options: Partial<Parameters<typeof createHttpServer>[0]> = {}): Promise<number> {
    const made: HttpServer = createHttpServer({
      endpoint: '127.0.0.1:0',
      handle: () => ({ status: 200, body: 'page\n' }),
      ...options,
    });
    await made.start();
    ends.push(() => made.stop(AbortSignal.abort()));
    return Number(made.address().split(':').at(-1));
  }

  function open(port: number, first: string | Buffer = ''): net.Socket {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    ends.push(() => socket.destroy());
    if (first) socket.write(first);
    return socket;
  }

  /** All that is said on a connection after these bytes. */
  async function said(port: number, bytes: string | Buffer): Promise<string> {
    return (await readAll(open(port, bytes)).catch(() => Buffer.alloc(0))).toString('latin1');
  }

  const ask = (port: number, more = '', path = '/metrics'): Promise<string> =>
    said(port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n`);
  const statusOf = (text: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
  const closed = (sockets: readonly net.Socket[], ms: number) => until(() => sockets.every((one) => one.closed), ms);
  const growth = (from: number) => (process.memoryUsage.rss() - from) / MIB;

  const tests: Record<string, () => Promise<void>> = {
    async H01() {
      const port = await server({ headTimeout: 500 });
      const sockets = Array.from({ length: 200 }, () => open(port, 'GET /metrics HTTP/1.1\r\n'));
      const drip = setInterval(() => sockets.forEach((one) => void one.write('X')), 100);
      ends.push(() => clearInterval(drip));
      const began = performance.now();
      expect(statusOf(await ask(port))).to.equal(200);
      expect(performance.now() - began).to.be.below(1000);
      await closed(sockets, 3000);
    },
    async H02() {
      const port = await server();
      const socket = open(port, 'POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\na');
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      await until(() => statusOf(text) > 0, 1000);
      expect(statusOf(text)).to.equal(405);
      await closed([socket], 5000);
    },
    async H03() {
      const port = await server({
        writeTimeout: 1000,
        maxInFlight: 100,
        handle: () => ({ status: 200, body: shared }),
      });
      const shared = Buffer.alloc(10 * MIB, 'page ');
      const before = process.memoryUsage.rss();
      const sockets = Array.from({ length: 50 }, () => open(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n').pause());
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(growth(before)).to.be.below(50);
      // A paused socket only hears of its end when it reads on.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      for (const socket of sockets) socket.resume();
      await closed(sockets, 2000);
      expect(sockets.every((one) => one.bytesRead < 10 * MIB)).to.equal(true);
    },
    async H04() {
      const port = await server();
      const sockets: net.Socket[] = [];
      // Not so many at once that the kernel itself loses some.
      while (sockets.length < 5000) {
        sockets.push(...Array.from({ length: 100 }, () => open(port).resume()));
        await until(() => !sockets.some((one) => one.connecting), 10_000);
      }
      await until(() => sockets.filter((one) => one.closed).length === 5000 - 512, 10_000);
      for (const socket of sockets) socket.destroy();
      await until(() => sockets.every((one) => one.closed));
      let answered = 0;
      for (let i = 0; i < 100 && answered !== 200; i++) answered = statusOf(await ask(port));
      expect(answered).to.equal(200);
    },
    async H05() {
      let handled = 0;
      let go = () => {};
      const gate = new Promise<void>((resolve) => {
        go = resolve;
      });
      const port = await server({
        async handle() {
          handled++;
          await gate;
          return { status: 200, body: 'page\n' };
        },
      });
      const answers = Array.from({ length: 500 }, () => ask(port).then(statusOf));
      let refused = 0;
      for (const answer of answers)
        answer.then(
          (status) => (refused += Number(status === 503)),
          () => {},
        );
      await until(() => refused === 460, 10_000);
      go();
      expect((await Promise.all(answers)).filter((status) => status === 200)).to.have.length(40);
      expect(handled).to.equal(40);
    },
    async H06() {
      const { port } = await page();
      const long = [
        ask(port, '', `/${'a'.repeat(65_536)}`),
        ask(port, Array.from({ length: 10_000 }, (_, i) => `X-${i}: y\r\n`).join('')),
        ask(port, `X: ${'a'.repeat(MIB)}\r\n`),
      ];
      for (const text of await Promise.all(long))
        expect(statusOf(text), text.slice(0, 200)).to.be.oneOf([400, 414, 431]);
    },
    async H07() {
      const { port } = await page();
      for (const method of ['TRACE', 'CONNECT', 'OPTIONS', 'DELETE', 'PUT', 'PATCH', 'POST', 'FOO', '\x00\x01\xff']) {
        const text = await said(port, `${method} /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
        const status = statusOf(text);
        expect(status, method).to.be.oneOf([400, 405]);
        if (status === 405) expect(text, method).to.match(/^allow: GET, HEAD\r$/im);
      }
    },
    async H08() {
      const { port } = await page();
      const before = await ask(port);
      const paths = ['/metrics/../debug', '//metrics', '/metrics%00', '/%2e%2e/etc/passwd', '/metrics/', '/METRICS'];
      for (const path of paths) expect(statusOf(await ask(port, '', path)), path).to.equal(404);
      const distinct = Array.from({ length: 10_000 }, (_, i) => `GET /p${i} HTTP/1.1\r\nHost: x\r\n\r\n`);
      for (let i = 0; i < distinct.length; i += 20)
        await said(port, `${distinct.slice(i, i + 20).join('')}GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      const lines = (text: string) => text.split('\n').length;
      expect(lines(await ask(port))).to.equal(lines(before));
    },
    async H09() {
      let handled = 0;
      const port = await server({
        handle() {
          handled++;
          return { status: 200 };
        },
      });
      const smuggled = 'GET /second HTTP/1.1\r\nHost: x\r\n\r\n';
      const heads = [
        'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
        'Content-Length: 5\r\nContent-Length: 6\r\n',
        'Content-Length: +5\r\n',
        'Content-Length: -5\r\n',
        'Transfer-Encoding: chunked, identity\r\n',
        'Transfer-Encoding: x\r\n',
        'X: a\r\n folded\r\n',
        'X: a\0b\r\n',
        'X : a\r\n',
      ];
      for (const head of heads) {
        const text = await said(port, `GET / HTTP/1.1\r\nHost: x\r\n${head}\r\n0\r\n\r\n${smuggled}`);
        expect(statusOf(text), head).to.be.oneOf([0, 400]);
        expect(text.match(/HTTP\/1\.1 2/g), head).to.equal(null);
      }
      const bodies = [
        `5;${'x'.repeat(MIB)}\r\nhello\r\n0\r\n\r\n`,
        'fffffffffffffffff\r\nhello\r\n0\r\n\r\n',
        '5\nhello\n0\n\n',
      ];
      for (const body of bodies) {
        const text = await said(
          port,
          `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${body}${smuggled}`,
        );
        expect(statusOf(text), body.slice(0, 20)).to.be.oneOf([0, 400, 405, 413]);
        expect(text.match(/HTTP\/1\.1 2/g)).to.equal(null);
      }
      expect(handled).to.equal(0);
    },
    async H10() {
      const { port } = await page(1000);
      await ask(port);
      const before = process.memoryUsage.rss();
      open(port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1000)).pause();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(growth(before)).to.be.below(20);
    },
    async H11() {
      const { port } = await page(100_000);
      await ask(port, 'Accept-Encoding: gzip\r\n');
      const delay = monitorEventLoopDelay({ resolution: 10 });
      delay.enable();
      const statuses = await Promise.all(
        Array.from({ length: 100 }, () => ask(port, 'Accept-Encoding: gzip\r\n').then(statusOf)),
      );
      delay.disable();
      expect(delay.percentile(99) / 1e6).to.be.below(200);
      expect(statuses.filter((status) => status === 200).length).to.be.at.least(40);
      expect(statuses.every((status) => status === 200 || status === 503)).to.equal(true);
    },
    async H12() {
      const bombs = [
        Array.from({ length: 5000 }, (_, i) => `a/b${i};q=0.${i}`).join(','),
        'application/openmetrics-text;version=1.0.0;q=NaN',
        'application/openmetrics-text;version=1.0.0;q=1e309',
        ','.repeat(65_536),
        ';'.repeat(65_536),
      ];
      for (const accept of bombs) {
        // The least of some: this machine may be busy.
        const took = Array.from({ length: 5 }, () => {
          const began = performance.now();
          negotiateFormat(accept, false);
          return performance.now() - began;
        });
        const format = negotiateFormat(accept, false);
        expect(Math.min(...took), accept.slice(0, 40)).to.be.below(5);
        expect(JSON.stringify(format)).to.include('text');
      }
    },
    async H13() {
      const { config: schema } = factory as ExporterFactory;
      expect(() => parse(schema, {})).to.throw();
      const folder = new URL('../../config/', import.meta.url);
      const text = readFileSync(new URL('default.yaml', folder), 'utf8');
      const listened = [...text.matchAll(/endpoint: *['"]?([^'"\s]+):\d+/g)].map(([, host]) => host);
      expect(listened).not.to.have.length(0);
      expect(listened.every((host) => host === '127.0.0.1' || host === 'localhost')).to.equal(true);
      expect(readdirSync(folder)).to.include('default.yaml');
    },
    async H14() {
      // There is nothing to administer: whatever the Host, what can be asked for only reads.
      const { port } = await page();
      const text = await said(port, 'POST /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
      expect(statusOf(text)).to.equal(405);
    },
    async H15() {
      const { port } = await page();
      expect(statusOf(await said(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'))).to.equal(400);
    },
    async H16() {
      const { port } = await page(1000);
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.end('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
      const text = (await readAll(socket)).toString();
      expect(text).to.match(/^HTTP\/1\.1 200/);
      expect(text).to.include('i="999"');
    },
    async H17() {
      const { port } = await page(10_000);
      const before = readdirSync('/proc/self/fd').length;
      for (let i = 0; i < 1000; i++) {
        const socket = open(port, 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n');
        await new Promise<void>((resolve) => {
          socket.once('data', () => socket.resetAndDestroy());
          socket.once('close', () => resolve());
        });
      }
      expect(statusOf(await ask(port))).to.equal(200);
      await until(() => readdirSync('/proc/self/fd').length <= before + 2);
    },
    async H18() {
      const { cert, key } = makeAuthority().issue();
      const tree = makeTree({ cert, key });
      ends.push(() => tree.remove());
      const port = await server({ tls: { certFile: `${tree.path}/cert`, keyFile: `${tree.path}/key` } });
      const sockets = Array.from({ length: 200 }, () => open(port, Buffer.from([0x16])));
      const drip = setInterval(() => sockets.forEach((one) => void one.write(Buffer.from([3]))), 1000);
      ends.push(() => clearInterval(drip));
      const whole = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      whole.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      expect(statusOf((await readAll(whole)).toString())).to.equal(200);
      await closed(sockets, 11_000);
    },
    async H19() {
      const made = basicauth as unknown as {
        config: Parameters<typeof parse>[0];
        create(
          config: unknown,
          host: unknown,
        ): {
          start?(signal: AbortSignal): Promise<void>;
          serverAuthenticator?: Parameters<typeof createHttpServer>[0]['authenticator'];
        };
      };
      const extension = made.create(
        parse(made.config, { htpasswd: { inline: 'user:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=' } }),
        fakeHost('extension', 'basicauth'),
      );
      await extension.start?.(never);
      const port = await server({ authenticator: () => extension.serverAuthenticator } as never);
      const delay = monitorEventLoopDelay({ resolution: 10 });
      delay.enable();
      const wrong = Buffer.from('user:wrong').toString('base64');
      for (let i = 0; i < 1000; i++) {
        expect(statusOf(await ask(port, `Authorization: Basic ${wrong}\r\n`))).to.equal(401);
      }
      delay.disable();
      expect(delay.percentile(99) / 1e6).to.be.below(100);
    },
    async H20() {
      const { port, exporter } = await page(1);
      const family = makeFamily('odd', 'gauge', 'x\r\nX-Injected: 1', '');
      const series = makeSeries(family, labelsOf({ __name__: 'odd', label: 'a\r\nX-Injected: 1\r\n\r\nbody' }));
      await exporter.consume([snapshotOf(makeSet([series]), [1])], never);
      const text = await ask(port);
      const head = text.slice(0, text.indexOf('\r\n\r\n'));
      expect(head).not.to.match(/injected/i);
      expect(text).to.include('label="a\r\\nX-Injected: 1\r\\n\r\\nbody"');
    },
  };

  for (const { id, name } of scenarios) {
    hardening.holds(`${id} ${name}`, () => {
      const test = tests[id];
      if (!test) throw new Error('there is no test for it');
      return test();
    });
  }
});

function many(count: number): Snapshot {
  const family = makeFamily('some_metric_total', 'counter', 'Help.', '');
  const label = 'a value that takes some room, as paths and names do';
  const series = Array.from({ length: count }, (_, i) =>
    makeSeries(family, labelsOf({ __name__: 'some_metric_total', i: String(i), label })),
  );
  return snapshotOf(makeSet(series), [...series.keys()]);
}
