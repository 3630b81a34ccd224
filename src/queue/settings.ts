/** `retry_on_failure` and `sending_queue`, with the keys and defaults of the Collector's exporterhelper and configretry. */
import * as s from '#config';

const MAX_ELAPSED_TIME =
  'Give up (drop and count) when the next attempt would come later than this after the first one. `0`: never give up.';

export const retryFields = {
  enabled: s.withDefault(s.bool(), true, 'Send again what failed for a reason that may pass.'),
  initial_interval: s.withDefault(s.duration(), '5s', 'Pause after the first failure.'),
  randomization_factor: s.withDefault(
    s.float({ min: 0, max: 1 }),
    0.5,
    'Each pause is drawn from `interval × (1 ± factor)`, so that agents do not knock in step.',
  ),
  multiplier: s.withDefault(s.float({ min: 1 }), 1.5, 'How much longer each pause is than the one before.'),
  max_interval: s.withDefault(s.duration(), '30s', 'The pause grows no longer than this.'),
  max_elapsed_time: s.optional(
    s.duration(),
    `${MAX_ELAPSED_TIME} \`300s\` when left out; \`0\` where the queue is on disk, whose bounds decide then.`,
  ),
};

export type RetrySettings = s.FieldValues<typeof retryFields>;

const MEMORY_ELAPSED_TIME = 300_000;

/** The settings with all that was left out. */
export function withElapsedTime(retry: RetrySettings, onDisk: boolean): RetrySettings & { max_elapsed_time: number } {
  return { ...retry, max_elapsed_time: retry.max_elapsed_time ?? (onDisk ? 0 : MEMORY_ELAPSED_TIME) };
}

/** The `retry_on_failure` option; `defaults` replaces some of the Collector's general defaults, as the user would write them. */
export function retryOnFailure(defaults: Partial<Record<keyof RetrySettings, unknown>> = {}): s.Field<RetrySettings> {
  // Where there is a default, nothing depends on where the queue is.
  const told = { ...retryFields, max_elapsed_time: s.optional(s.duration(), MAX_ELAPSED_TIME) };
  const fields = Object.fromEntries(
    Object.entries('max_elapsed_time' in defaults ? told : retryFields).map(([key, field]) => [
      key,
      key in defaults ? { ...field, default: defaults[key as keyof RetrySettings], hasDefault: true } : field,
    ]),
  ) as typeof retryFields;
  const schema = s.check(s.object(fields), (retry, complain) => {
    if (!retry.enabled || !retry.max_elapsed_time) return;
    for (const key of ['initial_interval', 'max_interval'] as const) {
      if (retry[key] > retry.max_elapsed_time) complain('max_elapsed_time', `must not be shorter than ${key}`);
    }
  });
  return s.withDefault(schema, {}, '');
}

const queueSizer = () => s.oneOf('requests', 'items', 'bytes');

/** The option that says what a full queue loses. */
export const whenFull = (): s.Field<'drop_newest' | 'drop_oldest'> =>
  s.withDefault(
    s.oneOf('drop_newest', 'drop_oldest'),
    'drop_newest',
    'What a full queue does: refuse what comes, or give up what has waited longest (on disk, a segment of it).',
  );

export const queueBatchFields = {
  flush_timeout: s.withDefault(s.duration({ min: 1 }), '200ms', 'Send what there is after this time.'),
  min_size: s.withDefault(s.int({ min: 0 }), 8192, 'Send as soon as this much is there.'),
  max_size: s.withDefault(s.int({ min: 0 }), 0, 'Split what is larger. `0`: no limit.'),
  sizer: s.withDefault(s.oneOf('items', 'bytes'), 'items', 'What the sizes count: metric points, or bytes.'),
};

export type QueueBatchSettings = s.FieldValues<typeof queueBatchFields>;

export const sendingQueueFields = {
  enabled: s.withDefault(s.bool(), true, 'Without a queue, whoever hands over a batch waits until it is sent.'),
  num_consumers: s.withDefault(s.int({ min: 1 }), 10, 'How many requests are under way at once.'),
  queue_size: s.optional(
    s.int({ min: 1 }),
    'The most that waits or is under way, in the unit of `sizer`. `1000` when left out; with `storage`, as much as fits there.',
  ),
  sizer: s.withDefault(queueSizer(), 'requests', 'What `queue_size` counts: batches, metric points, or bytes.'),
  wait_for_result: s.withDefault(s.bool(), false, 'Hand-over ends only when the batch is sent or given up.'),
  block_on_overflow: s.withDefault(s.bool(), false, 'Wait for room when the queue is full, in place of refusing.'),
  when_full: whenFull(),
  storage: s.optional(
    s.extensionId('storage'),
    'Id of a `file_storage` extension: what cannot be sent soon waits on disk, and outlives the process.',
  ),
  batch: s.optional(
    s.check(s.object(queueBatchFields), (batch, complain) => {
      if (batch.max_size && batch.max_size < batch.min_size) complain('max_size', 'must not be less than min_size');
    }),
    'Join what waits in the queue into larger requests.',
  ),
};

type WrittenQueue = s.FieldValues<typeof sendingQueueFields>;
export type QueueSettings = WrittenQueue & { queue_size: number };

const MEMORY_QUEUE_SIZE = 1000;

type Rule = (queue: WrittenQueue, complain: (inner: string, message: string) => void) => void;

/** What the options of a queue cannot be together. */
export const queueRules: readonly Rule[] = [
  ({ batch, sizer, queue_size }, complain) => {
    if (!batch || queue_size === undefined || sizer === 'requests' || sizer !== batch.sizer) return;
    if (batch.min_size > queue_size) complain('batch.min_size', 'must not be more than queue_size');
  },
  ({ when_full, block_on_overflow }, complain) => {
    if (when_full === 'drop_oldest' && block_on_overflow) complain('when_full', 'cannot be with block_on_overflow');
  },
  ({ storage, wait_for_result }, complain) => {
    if (storage !== undefined && wait_for_result) complain('wait_for_result', 'cannot be with storage');
  },
];

/** The `sending_queue` option. */
export function sendingQueue(): s.Field<QueueSettings> {
  const checked = s.check(s.object(sendingQueueFields), ...queueRules);
  const schema = s.transform(checked, (queue) => ({ ...queue, queue_size: sizeOf(queue) }));
  return s.withDefault(schema, {}, '');
}

function sizeOf({ queue_size, storage }: WrittenQueue): number {
  return queue_size ?? (storage === undefined ? MEMORY_QUEUE_SIZE : Number.POSITIVE_INFINITY);
}
