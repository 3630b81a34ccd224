import { createSocket, type RemoteInfo, type Socket as UdpServer } from 'node:dgram';
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import * as packet from 'dns-packet';

export interface Asked {
  readonly protocol: 'udp' | 'tcp';
  readonly bytes: Buffer;
  readonly query: packet.DecodedPacket;
  readonly name: string;
  readonly type: string;
  /** The client's port. */
  readonly port: number;
}

/** How to answer: messages to send, in order; none is silence. */
export type Answerer = (asked: Asked, server: DnsServer) => Reply | Promise<Reply>;
export type Reply = Uint8Array | readonly Uint8Array[] | undefined;

export interface DnsServer {
  /** The same for UDP and TCP. */
  readonly port: number;
  readonly asked: Asked[];
  /** TCP connections that are open. */
  readonly open: number;
  /** Sends to whoever asked by UDP last, whatever that is. */
  sendAgain(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const running = new Set<DnsServer>();

/** For afterEach. */
export async function closeDnsServers(): Promise<void> {
  await Promise.all([...running].map((server) => server.close()));
}

/** A DNS server on loopback, UDP and TCP on one port. `raw` has the TCP connections to itself. */
export async function dnsServer(
  answer: Answerer,
  { raw, tcp = true }: { raw?: (socket: Socket) => void; tcp?: boolean } = {},
): Promise<DnsServer> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const udp = createSocket('udp4');
  let last: RemoteInfo | undefined;
  const send = (bytes: Uint8Array, to: RemoteInfo) =>
    new Promise<void>((resolve) => udp.send(bytes, to.port, to.address, () => resolve()));
  const note = (protocol: Asked['protocol'], bytes: Buffer, port: number): Asked => {
    const query = packet.decode(bytes);
    const { name, type } = query.questions![0]!;
    const one = { protocol, bytes, query, name, type, port };
    asked.push(one);
    return one;
  };
  udp.on('message', async (bytes, from) => {
    last = from;
    for (const reply of replies(await answer(note('udp', bytes, from.port), server))) await send(reply, from);
  });
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    if (raw) return raw(socket);
    let buffered = Buffer.alloc(0);
    socket.on('data', async (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
        const end = 2 + buffered.readUInt16BE(0);
        const bytes = buffered.subarray(2, end);
        buffered = buffered.subarray(end);
        const reply = await answer(note('tcp', bytes, socket.remotePort ?? 0), server);
        for (const one of replies(reply)) socket.write(frame(one));
      }
    });
  });
  const port = await bindBoth(udp, tcp ? listener : undefined);
  const server: DnsServer = {
    port,
    asked,
    get open() {
      return sockets.size;
    },
    sendAgain: (bytes) => send(bytes, last!),
    async close() {
      if (!running.delete(server)) return;
      udp.close();
      for (const socket of sockets) socket.destroy();
      if (tcp) await new Promise((resolve) => listener.close(resolve));
    },
  };
  running.add(server);
  return server;
}

/** Binds both to a port of loopback that is free for both. */
async function bindBoth(udp: UdpServer, tcp: TcpServer | undefined): Promise<number> {
  for (let tries = 0; ; tries++) {
    if (tcp) await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    const wanted = tcp ? (tcp.address() as { port: number }).port : 0;
    try {
      await new Promise<void>((resolve, reject) => {
        udp.once('error', reject);
        udp.bind(wanted, '127.0.0.1', resolve);
      });
      udp.removeAllListeners('error');
      return udp.address().port;
    } catch (error) {
      if (tries === 10) throw error;
      await new Promise((resolve) => tcp?.close(resolve));
    }
  }
}

const replies = (reply: Reply): readonly Uint8Array[] =>
  reply === undefined ? [] : reply instanceof Uint8Array ? [reply] : reply;

export function frame(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

interface Shape {
  rcode?: number;
  flags?: number;
  answers?: packet.Answer[];
  authorities?: packet.Answer[];
  additionals?: packet.Answer[];
  /** To be the answer to something else. */
  id?: number;
  questions?: packet.Question[];
}

/** A response to the query, by another implementation than the one under test. */
export function respond({ query }: Asked, shape: Shape = {}): Buffer {
  return packet.encode({
    type: 'response',
    id: shape.id ?? query.id!,
    flags: (shape.flags ?? packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE) | (shape.rcode ?? 0),
    questions: shape.questions ?? query.questions!,
    answers: shape.answers ?? [],
    authorities: shape.authorities ?? [],
    additionals: shape.additionals ?? [],
  });
}

export const NXDOMAIN = 3;
export const SERVFAIL = 2;
export const REFUSED = 5;

export const a = (name: string, data = '10.0.0.1'): packet.Answer => ({ type: 'A', name, ttl: 30, data });

/** Answers A with an address and AAAA with none, whatever the name. */
export const healthy: Answerer = (asked) => respond(asked, { answers: asked.type === 'A' ? [a(asked.name)] : [] });
