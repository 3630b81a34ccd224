import type http from 'node:http';
import type { Extension, ExtensionFactory, Factory } from '#component';
import { parse } from '#config';
import { createHttpClient, type HttpResponse } from '#http';
import { type FakeHost, fakeHost } from './host.ts';
import { httpServer } from './servers.ts';

const never = new AbortController().signal;

/** A server that takes what `takes` says, and a client that signs with the extension. */
export interface AuthenticatorRig {
  host: FakeHost;
  extension: Extension;
  /** The headers of every request that came. */
  seen: http.IncomingHttpHeaders[];
  takes: (headers: http.IncomingHttpHeaders) => boolean;
  send(): Promise<HttpResponse>;
  close(): Promise<void>;
}

export async function authenticatorRig(
  factory: Factory,
  options: Record<string, unknown>,
  takes: AuthenticatorRig['takes'] = () => true,
): Promise<AuthenticatorRig> {
  const { create, config, type } = factory as ExtensionFactory;
  const host = fakeHost('extension', type);
  const extension = create(parse(config, options), host);
  const seen: http.IncomingHttpHeaders[] = [];
  const server = await httpServer((request, response) => {
    seen.push(request.headers);
    request.resume().on('end', () => response.writeHead(rig.takes(request.headers) ? 200 : 401).end());
  });
  const client = createHttpClient({ authenticator: extension.authenticator! }, host.clock);
  const url = new URL(`http://127.0.0.1:${server.port}/`);
  const rig: AuthenticatorRig = {
    host,
    extension,
    seen,
    takes,
    send: () => client.request({ method: 'POST', url, body: Buffer.from('x'), signal: never }),
    async close() {
      await extension.stop?.(never);
      client.close();
    },
  };
  return rig;
}
