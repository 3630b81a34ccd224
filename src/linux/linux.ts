/** The kernel's files, read safely: procfs, sysfs and cgroup file systems under a root path. */
export * from './cgroup.ts';
export * from './confined.ts';
export * from './ethtool.ts';
export * from './glob.ts';
export * from './inside.ts';
export * from './keyed.ts';
export * from './libc.ts';
export * from './malloc.ts';
export * from './net.ts';
export * from './netns/netns.ts';
export * from './owner.ts';
export * from './process.ts';
export * from './root.ts';
export * from './route.ts';
