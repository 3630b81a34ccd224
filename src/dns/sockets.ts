import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { isIP, Socket as TcpSocket } from 'node:net';

/** Makes the sockets that questions go through, in this network namespace or in another. Who asked for one closes it. */
export interface SocketFactory {
  /** An unconnected socket, bound to a port that the kernel chose at random. */
  udp(family: 4 | 6): Promise<UdpSocket>;
  /** A socket to call `connect` on, once. */
  tcp(family: 4 | 6): Promise<TcpSocket>;
}

/** Sockets of the network namespace that this process is in. */
export const ownSockets: SocketFactory = {
  udp: (family) =>
    new Promise((resolve, reject) => {
      const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
      socket.once('error', reject);
      socket.bind({ port: 0, exclusive: true }, () => {
        socket.removeListener('error', reject);
        resolve(socket);
      });
    }),
  async tcp() {
    return new TcpSocket();
  },
};

/** A DNS server: an address, never a name, since asking must not itself need DNS. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export const familyOf = ({ address }: Endpoint): 4 | 6 => (isIP(address) === 6 ? 6 : 4);

/** `10.0.0.10:53`, `[fd00::a]:53`. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** `10.0.0.10`, `10.0.0.10:5353`, `fd00::a`, `[fd00::a]:5353`; undefined when it is none of these. The port is 53 unless given. */
export function parseEndpoint(text: string): Endpoint | undefined {
  if (isIP(text)) return { address: text, port: 53 };
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? 53);
  if (isIP(address) !== (match?.[1] === undefined ? 4 : 6) || port < 1 || port > 65535) return undefined;
  return { address, port };
}
