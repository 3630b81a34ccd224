import { isIP } from 'node:net';
import { defaultPort, splitTransport } from './address.ts';
import type { ServerBlock } from './parse.ts';
import { argumentsOf, option, type Stanza, stanzas } from './stanza.ts';
import type { CorefileToken } from './token.ts';
import { count, duration } from './values.ts';

/** One argument of `forward` behind the zone. */
export interface Upstream {
  /** As written: `8.8.8.8`, `[::1]:5353`, `tls://9.9.9.9%dns.quad9.net`, `/etc/resolv.conf`. */
  readonly to: string;
  readonly transport: string;
  /** `name`: a host's name, or a file in the folder in which CoreDNS runs. */
  readonly kind: 'address' | 'file' | 'name';
  /** The address without brackets, the file's path, or the name. */
  readonly host: string;
  /** The transport's own where none is given; '' for a file. */
  readonly port: string;
  /** The name to ask for in TLS, given behind `%`; ''. */
  readonly serverName: string;
  readonly token: CorefileToken;
}

/** One `forward` stanza, with CoreDNS's defaults for what it does not say. Times in milliseconds. */
export interface Forward {
  /** The zone it forwards, as written. */
  readonly from: string;
  readonly upstreams: readonly Upstream[];
  readonly except: readonly string[];
  readonly policy: string;
  readonly forceTcp: boolean;
  readonly preferUdp: boolean;
  readonly failfast: boolean;
  /** How long an idle connection is kept. Undefined here and below: given, but no such value, which CoreDNS refuses. */
  readonly expire: number | undefined;
  readonly readTimeout: number | undefined;
  /** Between checks of an upstream that failed; 0 is off. */
  readonly healthCheck: number | undefined;
  readonly healthCheckDomain: string;
  readonly maxFails: number | undefined;
  /** 0: no limit. */
  readonly maxConcurrent: number | undefined;
  readonly stanza: Stanza;
}

/** The `forward` stanzas of a block, in order. */
export function readForwards(block: ServerBlock): Forward[] {
  return stanzas(block.directives.get('forward')).map(readForward);
}

function readForward(stanza: Stanza): Forward {
  const [from, ...to] = stanza.args;
  const health = option(stanza, 'health_check')?.args.map(({ text }) => text);
  const domain = health?.indexOf('domain') ?? -1;
  return {
    from: from?.text ?? '',
    upstreams: to.map(readUpstream),
    except: stanza.body.filter(({ name }) => name.text === 'except').flatMap(argumentsOf),
    policy: option(stanza, 'policy')?.args[0]?.text ?? 'random',
    forceTcp: option(stanza, 'force_tcp') !== undefined,
    preferUdp: option(stanza, 'prefer_udp') !== undefined,
    failfast: option(stanza, 'failfast_all_unhealthy_upstreams') !== undefined,
    expire: duration(stanza, 'expire', 10_000),
    readTimeout: duration(stanza, 'read_timeout', 2000),
    healthCheck: duration(stanza, 'health_check', 500),
    healthCheckDomain: (domain < 0 ? undefined : health?.[domain + 1]) ?? '.',
    maxFails: count(stanza, 'max_fails', 2),
    maxConcurrent: count(stanza, 'max_concurrent', 0),
    stanza,
  };
}

/** What an upstream is, without looking at any file. */
export function readUpstream(token: CorefileToken): Upstream {
  const to = token.text;
  const [transport, rest] = splitTransport(to);
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(rest);
  const plain = /^([^:]*):(\d+)$/.exec(rest);
  const whole = bracketed?.[1] ?? plain?.[1] ?? rest;
  const port = bracketed?.[2] ?? plain?.[2] ?? serverNamePort(rest) ?? defaultPort(transport);
  const [address = '', behind = ''] = splitZone(whole);
  if (isIP(address)) {
    // Behind `%` stands the server's name for TLS, and the interface of a link-local address otherwise.
    const serverName = transport === 'tls' ? behind.replace(/:\d+$/, '') : '';
    const host = behind && transport !== 'tls' ? `${address}%${behind}` : address;
    return { to, transport, kind: 'address', host, port, serverName, token };
  }
  if (rest.includes('/')) return { to, transport, kind: 'file', host: rest, port: '', serverName: '', token };
  return { to, transport, kind: 'name', host: whole, port, serverName: '', token };
}

/** The port in `2001:db8::1%dns.example:853`, where the address has no brackets. */
function serverNamePort(text: string): string | undefined {
  return /%[^:]*:(\d+)$/.exec(text)?.[1];
}

function splitZone(host: string): [address: string, zone?: string] {
  const percent = host.lastIndexOf('%');
  return percent < 0 ? [host] : [host.slice(0, percent), host.slice(percent + 1)];
}
