import * as s from '#config';
import { queueRules, sendingQueueFields, whenFull } from '#queue';

const fields = {
  enabled: s.withDefault(s.bool(), true, 'Without a queue, whoever hands over a batch waits until it is sent.'),
  queue_size: s.optional(
    s.int({ min: 1 }),
    'The most that waits or is under way, in the unit of `sizer`. `10000` requests when left out, which other units have no default for; on disk, as much as fits there.',
  ),
  num_consumers: s.withDefault(
    s.int({ min: 1 }),
    5,
    'How many requests are under way at once. A source (`job` and `instance`) always has the same consumer, so that its samples arrive in order.',
  ),
  sizer: {
    ...sendingQueueFields.sizer,
    doc: 'What `queue_size` counts: requests, samples, or bytes of requests before compression (on disk, bytes there).',
  },
  wait_for_result: sendingQueueFields.wait_for_result,
  block_on_overflow: sendingQueueFields.block_on_overflow,
  when_full: whenFull(),
  storage: s.optional(
    s.extensionId('storage'),
    'Id of a `file_storage` extension: what cannot be sent soon waits on disk, and outlives the process.',
  ),
  batch: {
    ...sendingQueueFields.batch,
    doc: 'When what waits is sent. Left out, a consumer that is idle waits for nothing, and one that is busy finds what has come meanwhile joined into one request. `max_batch_size_bytes` holds in any case.',
  },
};

/** `sending_queue` and `remote_write_queue`. */
export const queue = s.check(s.object(fields), ...queueRules);

export type Queue = s.Infer<typeof queue>;

export const DEFAULT_QUEUE: Queue = s.parse(queue, {});

/** What a queue cannot be, on disk by `wal` or in memory. */
export function checkQueue(written: Queue, hasWal: boolean, complain: (inner: string, message: string) => void): void {
  const { enabled, storage, sizer, queue_size, wait_for_result } = written;
  if (hasWal && wait_for_result) complain('wait_for_result', 'cannot be with wal');
  const onDisk = hasWal || storage !== undefined;
  if (enabled && !onDisk && sizer !== 'requests' && queue_size === undefined) {
    complain('sizer', `${sizer} needs a queue_size, whose default counts requests`);
  }
}
