export { createDiscover, type Discover } from './discover.ts';
export { type FileDiscoveryParts, fileDiscovery } from './file.ts';
export type { Discovery, TargetGroup } from './groups.ts';
export { staticDiscovery } from './static.ts';
