/** Network namespaces for the end-to-end tests. Each lives as long as the process that stands for it, and takes root to make. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, run, until } from './children.ts';
import { makeTree } from './tree.ts';

export interface Space extends Child {
  /** As #linux's `NamespaceFile`. */
  readonly file: string;
  readonly inode: number;
  /** Runs a command in its network and mount namespaces, to its end. */
  execute(command: string, ...args: string[]): string;
  /** Starts a command in them; what it starts itself ends with it. */
  run(command: string, ...args: string[]): Child;
}

/** A process that does nothing in namespaces of its own, with its loopback up and, if given, its own resolv.conf. */
export async function makeSpace(resolvConf = ''): Promise<Space> {
  const tree = makeTree({ 'resolv.conf': resolvConf });
  const script = [
    'mount -t sysfs none /sys',
    ...(resolvConf ? [`mount --bind ${join(tree.path, 'resolv.conf')} /etc/resolv.conf`] : []),
    'ip link set lo up',
    'exec sleep 600',
  ];
  const child = run('unshare', ['--net', '--mount', 'sh', '-c', script.join(' && ')]);
  const remove = () => tree.remove();
  child.exit.then(remove, remove);
  await until(() => {
    if (child.output()) throw new Error(`cannot make a namespace: ${child.output()}`);
    return readFileSync(`/proc/${child.pid}/comm`, 'utf8') === 'sleep\n';
  }, 'the namespace is made');
  const enter = ['-t', String(child.pid), '-n', '-m'];
  const file = `/proc/${child.pid}/ns/net`;
  return {
    ...child,
    file,
    inode: statSync(file).ino,
    execute: (command, ...args) => execFileSync('nsenter', [...enter, command, ...args], { encoding: 'utf8' }),
    run: (command, ...args) => run('nsenter', [...enter, command, ...args], { group: true }),
  };
}

/** A veth from the pod's eth0 with this address to the node, which has another of its network at the other end. */
export function connect(node: Space, pod: Space, name: string, { at, of }: { at: string; of: string }): void {
  node.execute('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pod.pid));
  node.execute('ip', 'address', 'add', of, 'dev', name);
  node.execute('ip', 'link', 'set', name, 'up');
  pod.execute('ip', 'address', 'add', at, 'dev', 'eth0');
  pod.execute('ip', 'link', 'set', 'eth0', 'up');
}
