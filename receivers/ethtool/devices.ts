import { readdirSync, readlinkSync } from 'node:fs';
import { posix } from 'node:path';

/**
 * The names of the network interfaces under `root`, sorted. Without `virtual`, those whose link in /sys/class/net leads to a
 * virtual device are left out (lo, veth, bridges, bonds), as the exporter of the AWS blog does.
 */
export function listDevices(root: string, virtual: boolean): string[] {
  const folder = posix.join(root, 'sys/class/net');
  const names = readdirSync(folder).sort();
  return names.filter((name) => {
    try {
      const target = readlinkSync(posix.join(folder, name));
      return virtual || !target.includes('virtual');
    } catch {
      // No link (`bonding_masters` is a file), or gone since it was listed.
      return false;
    }
  });
}

/** Is it wanted? A pattern has `*` and `?`; no include pattern means all, and an exclude pattern wins. */
export function chooser(include: readonly string[], exclude: readonly string[]): (name: string) => boolean {
  const [wanted, unwanted] = [include.map(compile), exclude.map(compile)];
  return (name) => (wanted.length === 0 || wanted.some((p) => p.test(name))) && !unwanted.some((p) => p.test(name));
}

function compile(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*+/g, '.*').replace(/\?/g, '.')}$`, 's');
}
