import type net from 'node:net';
import { expect } from 'chai';
import { Secret } from '#config';
import { type BodyWorth, createHttpClient, type HttpClient } from '#http';
import { FakeClock } from '../support/clock.ts';
import { closeServers, rawServer, until } from '../support/servers.ts';

const BEGUN = 'HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 100\r\n\r\nfive!';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

for (const way of ['direct', 'through a proxy'] as const) {
  describe(`the body of a 2xx answer, ${way}`, () => {
    let one: HttpClient | undefined;
    afterEach(async () => {
      one?.close();
      await closeServers();
    });

    /** A server that does this with each connection on which a request came, and a client of its own clock. */
    async function rig(say: (socket: net.Socket) => void) {
      const server = await rawServer((socket) => socket.on('data', () => say(socket)));
      const clock = new FakeClock();
      const proxy = new Secret(`http://127.0.0.1:${server.port}`);
      const made = createHttpClient(way === 'direct' ? {} : { proxyUrl: proxy }, clock);
      one = made;
      const post = async (successBody: BodyWorth, body = Buffer.from('x')) => {
        const url = new URL(`http://127.0.0.1:${server.port}/`);
        const { signal } = new AbortController();
        const more = { maxBody: 64 * 1024, truncateBody: true, successBody };
        const answer = await made.request({ method: 'POST', url, body, signal, ...more });
        return `${answer.status} ${answer.body}`;
      };
      return { server, clock, post };
    }

    it('that breaks off makes no difference where it is ignored or welcome', async () => {
      const { post } = await rig((socket) => socket.write(BEGUN, () => socket.destroy()));
      expect(await post('ignored')).to.match(/^200 /);
      expect(await post('welcome')).to.equal('200 ');
      expect(await post('needed').catch((error) => error.message)).to.match(/the connection closed/);
    });

    it('is no chunk at all: the same', async () => {
      const { post, server } = await rig((socket) => socket.write(`${CHUNKED}?\r\n`));
      expect(await post('ignored')).to.match(/^200 /);
      expect(await post('welcome')).to.equal('200 ');
      await until(() => server.open === 0);
    });

    it('that never comes is not waited for where it is ignored, and ends the connection after a second', async () => {
      const { post, server, clock } = await rig((socket) => socket.write(BEGUN));
      expect(await post('ignored')).to.equal('200 ');
      await clock.advance(999);
      expect(server.open).to.equal(1);
      await clock.advance(1);
      await until(() => server.open === 0);
      expect(clock.pending).to.equal(0);
    });

    it('that never comes is waited for a second where it is welcome', async () => {
      const { post, server, clock } = await rig((socket) => socket.write(BEGUN));
      const asked = post('welcome');
      await until(() => clock.pending === 1);
      await clock.advance(1000);
      expect(await asked).to.equal('200 ');
      await until(() => server.open === 0);
    });

    it('that comes later leaves the connection for the next request, and is given where it is welcome', async () => {
      let socket: net.Socket | undefined;
      const { post, server, clock } = await rig((its) => {
        socket = its;
        its.write(BEGUN);
      });
      expect(await post('ignored')).to.equal('200 ');
      socket!.write('r'.repeat(95));
      await until(() => clock.pending === 0);
      const asked = post('welcome');
      await until(() => clock.pending === 1);
      socket!.write('r'.repeat(95));
      expect(await asked).to.equal(`200 five!${'r'.repeat(95)}`);
      expect([server.made, clock.pending]).to.deep.equal([1, 0]);
    });

    it('without an end is read no further than maxBody', async () => {
      const { post, server, clock } = await rig((socket) => {
        const more = () => {
          while (!socket.destroyed && socket.write(`1000\r\n${'x'.repeat(4096)}\r\n`));
        };
        socket.on('drain', more).write(CHUNKED);
        more();
      });
      expect(await post('ignored')).to.match(/^200 /);
      await until(() => server.open === 0);
      expect(clock.pending).to.equal(0);
    });

    it('does not keep a connection on which not all of the request was sent', async () => {
      const { post, server } = await rig((socket) => socket.pause().write(BEGUN));
      for (let i = 0; i < 2; i++) expect(await post('ignored', Buffer.alloc(32 << 20))).to.equal('200 ');
      expect(server.made).to.equal(2);
    });

    it('of any other answer is waited for', async () => {
      const { post } = await rig((socket) => socket.write(BEGUN.replace('200', '400'), () => socket.destroy()));
      for (const worth of ['ignored', 'welcome'] as const) {
        expect(await post(worth).catch((error) => error.message)).to.match(/the connection closed/);
      }
    });
  });
}
