import { expect } from 'chai';
import { createHttpServer, setListenSockets } from '#http';
import { takeListenSocket } from '../../src/http/activation.ts';

describe('socket activation', () => {
  afterEach(() => setListenSockets({}, 1));

  const passes = (LISTEN_PID: string | undefined, LISTEN_FDS: string | undefined, want: number | undefined) =>
    it(`of LISTEN_PID=${LISTEN_PID} LISTEN_FDS=${LISTEN_FDS} gives process 42 ${want ?? 'nothing'}`, () => {
      setListenSockets({ LISTEN_PID, LISTEN_FDS }, 42);
      expect(takeListenSocket()).to.equal(want);
    });
  passes('42', '1', 3);
  passes('42', '0', undefined);
  passes('42', undefined, undefined);
  passes('42', '1x', undefined);
  passes('42', '-1', undefined);
  passes('43', '1', undefined);
  passes('042', '1', undefined);
  passes(undefined, '1', undefined);

  it('gives each server a socket of its own, and says when there are no more', () => {
    setListenSockets({ LISTEN_PID: '42', LISTEN_FDS: '2' }, 42);
    expect([takeListenSocket(), takeListenSocket()]).to.deep.equal([3, 4]);
    expect(() => takeListenSocket()).to.throw('used up: restart the agent');
  });

  it('is for servers that ask for it: others listen on their endpoint', async () => {
    setListenSockets({ LISTEN_PID: '42', LISTEN_FDS: '1' }, 42);
    const server = createHttpServer({ endpoint: '127.0.0.1:0', handle: () => ({ status: 200 }) });
    await server.start();
    expect(server.address()).to.match(/^127\.0\.0\.1:[1-9]/);
    await server.stop();
    expect(takeListenSocket()).to.equal(3);
  });

  it('names the file descriptor that is no socket', async () => {
    setListenSockets({ LISTEN_PID: '42', LISTEN_FDS: '64' }, 42);
    while (takeListenSocket()! < 65);
    const server = createHttpServer({
      endpoint: '127.0.0.1:0',
      socketActivation: true,
      handle: () => ({ status: 200 }),
    });
    const error = await server.start().catch((e: Error) => e);
    expect(error)
      .to.be.an('error')
      .with.property('message')
      .that.includes('the socket from systemd (file descriptor 66)');
  });
});
