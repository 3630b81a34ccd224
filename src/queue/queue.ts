/** Sending with retries from a bounded queue: what the Collector calls exporterhelper. */
export * from './complaints.ts';
export { type DropReason, lost, PartialError } from './delivery.ts';
export { retryAfter } from './retry-after.ts';
export * from './sender.ts';
export * from './settings.ts';
