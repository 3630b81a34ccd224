/** Which proxy a URL goes through. Rules of Go's golang.org/x/net/http/httpproxy, which the Collector and Prometheus use. */
import { BlockList, isIP } from 'node:net';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ProxyRules {
  proxyUrl?: string | undefined;
  noProxy?: string | undefined;
  /** Set: HTTP_PROXY, HTTPS_PROXY and NO_PROXY are taken from it. */
  environment?: Environment | undefined;
}

let provided: Environment = {};

/** Told once, by who starts the agent: the variables that name proxies for every client that asks for them. */
export function setProxyEnvironment(environment: Environment): void {
  provided = environment;
}
export const proxyEnvironment = (): Environment => provided;

/** Gives the proxy for a URL, or undefined to connect directly. Throws at once when a proxy's URL cannot be used. */
export function proxyChooser({ proxyUrl, noProxy, environment }: ProxyRules): (url: URL) => URL | undefined {
  if (proxyUrl) {
    const proxy = parseProxy(proxyUrl, 'the proxy URL');
    // A proxy that is named alone is used for everything; with exceptions named, loopback is one too.
    if (!noProxy) return () => proxy;
    const direct = exceptions(noProxy);
    return (url) => (direct(url) ? undefined : proxy);
  }
  if (!environment) return () => undefined;
  const read = (name: string) => environment[name] || environment[name.toLowerCase()];
  const direct = exceptions(read('NO_PROXY') ?? '');
  return (url) => {
    if (direct(url)) return undefined;
    const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
    const text = read(name);
    return text ? parseProxy(text, name) : undefined;
  };
}

function parseProxy(text: string, name: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    // The text may hold a password: it is no part of any message, nor is the error that quotes it.
  }
  if (!url) throw new Error(`${name} is not a valid URL`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(`${name} must be http:// or https://, not ${url.protocol}//`);
  }
  return url;
}

function exceptions(noProxy: string): (url: URL) => boolean {
  const rules = noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter(Boolean)
    .map(exception);
  return (url) => {
    const host = url.hostname
      .replace(/^\[|\]$/g, '')
      .replace(/\.$/, '')
      .toLowerCase();
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    return isLoopback(host) || rules.some((rule) => rule(host, port));
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

type Rule = (host: string, port: string) => boolean;

/** `*`, `10.0.0.0/8`, `10.1.2.3`, `example.com` (and what is below), `.example.com` (only what is below), each with `:port`. */
function exception(entry: string): Rule {
  if (entry === '*') return () => true;
  const range = cidr(entry);
  if (range) return (host) => isIP(host) !== 0 && range.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
  const [, name, onlyPort] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry) ?? [entry, entry, undefined];
  const wanted = name!
    .replace(/^\[|\]$/g, '')
    .replace(/^\*\./, '.')
    .replace(/\.$/, '');
  const matches = (host: string) => {
    if (isIP(wanted)) return host === wanted;
    if (wanted.startsWith('.')) return host.endsWith(wanted);
    return host === wanted || (!isIP(host) && host.endsWith(`.${wanted}`));
  };
  return (host, port) => (onlyPort === undefined || onlyPort === port) && matches(host);
}

function cidr(entry: string): BlockList | undefined {
  const [address = '', bits = ''] = entry.split('/');
  const family = isIP(address);
  if (!family || !/^\d+$/.test(bits) || Number(bits) > (family === 6 ? 128 : 32)) return undefined;
  const range = new BlockList();
  range.addSubnet(address, Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  return range;
}
