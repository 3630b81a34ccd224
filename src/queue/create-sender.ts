import type { Host, StorageSpace } from '#component';
import type { Codec } from './codec.ts';
import type { Disk } from './disk/disk.ts';
import { realDisk } from './disk/disk.ts';
import { DiskSender } from './disk/disk-sender.ts';
import { QueueSender, type Sender, type SenderOptions } from './sender.ts';
import { type RetrySettings, withElapsedTime } from './settings.ts';

export interface CreateSenderOptions<T> extends Omit<SenderOptions<T>, 'retry'> {
  retry: RetrySettings;
  /** For a queue on disk. */
  codec?: Codec<T>;
  /** Where the queue is on disk; when left out, `queue.storage` says. */
  space?: StorageSpace | undefined;
  /** For tests. */
  disk?: Disk;
}

/** `send` with retries, from a bounded queue in memory or on disk. */
export function createSender<T>(options: CreateSenderOptions<T>): Sender<T> {
  const { host, queue, codec, disk = realDisk } = options;
  const space = queue?.enabled ? (options.space ?? storageOf(host, queue.storage)) : undefined;
  const retry = withElapsedTime(options.retry, space !== undefined);
  if (!space || !queue) return new QueueSender({ ...options, retry });
  if (!codec) throw new Error('a queue on disk needs a codec');
  return new DiskSender({ ...options, retry, queue, codec, space, disk });
}

function storageOf(host: Host, id: string | undefined): StorageSpace | undefined {
  if (id === undefined) return undefined;
  const { storage } = host.extension(id);
  if (!storage) throw new Error(`the extension ${id} cannot store anything`);
  return storage.lend(host.kind, host.id);
}
