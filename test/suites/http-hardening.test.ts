/** llhttp's raw requests and responses, against our server and our client: what is broken must never count as good. */
import net from 'node:net';
import { expect } from 'chai';
import { createHttpClient, createHttpServer, type HttpServer } from '#http';
import { closeServers, rawServer, readAll } from '../support/servers.ts';
import { suite } from '../support/suites.ts';

interface RawCase {
  name: string;
  type: 'request' | 'response';
  raw_b64: string;
  parser_error: string | null;
  complete: boolean;
}

const hardening = suite('http-hardening');

describe('the http-hardening suite', () => {
  let server: HttpServer;
  let handled = 0;

  before(async () => {
    server = createHttpServer({
      endpoint: '127.0.0.1:0',
      headTimeout: 300,
      requestTimeout: 300,
      handle() {
        handled++;
        return { status: 200, body: 'page\n' };
      },
    });
    await server.start();
  });
  after(() => server.stop(AbortSignal.abort()));
  afterEach(closeServers);

  /** The status of each answer to these bytes, after which our side is closed. */
  async function statuses(raw: Buffer): Promise<number[]> {
    const socket = net.connect({
      port: Number(server.address().split(':')[1]),
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    socket.end(raw);
    const said = (await readAll(socket)).toString('latin1');
    return [...said.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  /** The status that our client takes from these bytes; undefined when it refuses them. */
  async function taken(raw: Buffer): Promise<number | undefined> {
    const { port } = await rawServer((socket) => socket.once('data', () => socket.end(raw)));
    const client = createHttpClient({ keepAlive: false });
    const request = { method: 'GET', url: new URL(`http://127.0.0.1:${port}/`), signal: new AbortController().signal };
    const got = await client.request(request).catch(() => undefined);
    client.close();
    return got?.status;
  }

  const ids = new Map<string, number>();
  for (const { name, type, raw_b64, parser_error, complete } of hardening.json<RawCase[]>('llhttp-cases.json')) {
    const times = (ids.get(name) ?? 0) + 1;
    ids.set(name, times);
    const raw = Buffer.from(raw_b64, 'base64');
    const id = `${name}${times > 1 ? ` (${times})` : ''}`;
    if (type === 'request') {
      hardening.holds(id, async () => {
        handled = 0;
        const got = await statuses(raw);
        expect(got.filter((status) => status >= 500)).to.deep.equal([]);
        if (!parser_error) return;
        expect(handled).to.equal(0);
        expect(got.filter((status) => status < 400)).to.deep.equal([]);
      });
    } else {
      hardening.holds(id, async () => {
        const status = await taken(raw);
        if (parser_error) expect(status).to.equal(undefined);
        else if (complete) expect(status === undefined || status >= 100).to.equal(true);
      });
    }
  }

  hardening.listIsCurrent();
});
