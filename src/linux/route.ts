import type { HostRoot } from './root.ts';

/** A route to everywhere that no other route leads to. The kernel takes it away when its interface is set down or goes. */
export interface DefaultRoute {
  readonly family: 'ipv4' | 'ipv6';
  readonly interface: string;
}

/** include/uapi/linux/route.h: the route is there, and it is one that refuses. */
const RTF_UP = 0x0001;
const RTF_REJECT = 0x0200;

const leads = (flags: string): boolean => (Number.parseInt(flags, 16) & (RTF_UP | RTF_REJECT)) === RTF_UP;

/** The default routes in a /proc/PID/net/route: `Iface Destination Gateway Flags RefCnt Use Metric Mask …`, in hex. */
export function parseIpv4DefaultRoutes(text: string): DefaultRoute[] {
  const found: DefaultRoute[] = [];
  for (const line of text.split('\n')) {
    const [name = '', destination, , flags = '', , , , mask] = line.split('\t');
    if (destination === '00000000' && mask === '00000000' && leads(flags)) {
      found.push({ family: 'ipv4', interface: name });
    }
  }
  return found;
}

/** The default routes in a /proc/PID/net/ipv6_route: destination and its length, source, next hop, … flags, interface. */
export function parseIpv6DefaultRoutes(text: string): DefaultRoute[] {
  const found: DefaultRoute[] = [];
  for (const line of text.split('\n')) {
    const [destination, length, , , , , , , flags = '', name] = line.trim().split(/ +/);
    if (/^0{32}$/.test(destination ?? '') && length === '00' && name && leads(flags)) {
      found.push({ family: 'ipv6', interface: name });
    }
  }
  return found;
}

/** The default routes of a process' network namespace; anyone may read them. Undefined when the process is gone. */
export function defaultRoutes(root: HostRoot, pid: number): DefaultRoute[] | undefined {
  const ipv4 = root.read(`/proc/${pid}/net/route`);
  if (ipv4 === undefined) return undefined;
  // A kernel without IPv6 has no such file.
  const ipv6 = root.read(`/proc/${pid}/net/ipv6_route`) ?? '';
  return [...parseIpv4DefaultRoutes(ipv4), ...parseIpv6DefaultRoutes(ipv6)];
}

/** The names of the interfaces in a /proc/PID/net/dev, sorted. A name may hold colons. */
export function parseInterfaces(text: string): string[] {
  const names: string[] = [];
  for (const line of text.split('\n').slice(2)) {
    const name = /^\s*(\S+):/.exec(line)?.[1];
    if (name) names.push(name);
  }
  return names.sort();
}
