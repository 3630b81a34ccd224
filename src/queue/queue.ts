/** Sending with retries from a bounded queue: what the Collector calls exporterhelper. */
export * from './codec.ts';
export * from './complaints.ts';
export * from './create-sender.ts';
export { type DropReason, lost, PartialError } from './delivery.ts';
export { queueFolder } from './disk/folder.ts';
export { type FolderLock, takeFolder } from './disk/lock.ts';
export { retryAfter } from './retry-after.ts';
export type { Sender, SenderOptions } from './sender.ts';
export * from './settings.ts';
