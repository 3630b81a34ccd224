import { type Corefile, readBind, readForwards, type ServerBlock, serverAddresses, type Upstream } from '#dns';

/** An address that a block forwards everything to which reaches it at `listener`. */
export interface ForwardAddress {
  /** An address or interface of the block's `bind`, as written. */
  readonly listener: string;
  /** The block's first key, as written: `.:53`, `cluster.local:53`. */
  readonly block: string;
  readonly ip: string;
}

/** In the order of the file. `nameservers` gives those of a resolv.conf that a block forwards to. */
export function forwardsOf({ blocks }: Corefile, nameservers: (file: string) => readonly string[]): ForwardAddress[] {
  return blocks.flatMap((block) => {
    const ips = upstreamsOfAll(block).flatMap((upstream) => addressesOf(upstream, nameservers));
    const name = block.keys[0] || '.';
    return readBind(block).flatMap((listener) => ips.map((ip) => ({ listener, block: name, ip })));
  });
}

/** A `forward` of only some names says nothing of where the block's queries go. */
function upstreamsOfAll(block: ServerBlock): Upstream[] {
  const isForAll = (from: string) => serverAddresses(from).some(({ zone }) => zone === '.');
  return readForwards(block).flatMap(({ from, upstreams }) => (isForAll(from) ? upstreams : []));
}

function addressesOf({ kind, host }: Upstream, nameservers: (file: string) => readonly string[]): readonly string[] {
  if (kind === 'address') return [host];
  return kind === 'file' ? nameservers(host) : [];
}
