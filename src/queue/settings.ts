/** `retry_on_failure` and `sending_queue`, with the keys and defaults of the Collector's exporterhelper and configretry. */
import * as s from '#config';

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
  max_elapsed_time: s.withDefault(
    s.duration(),
    '300s',
    'Give up (drop and count) when the next attempt would come later than this after the first one. `0`: never give up.',
  ),
};

export type RetrySettings = s.FieldValues<typeof retryFields>;

/** The `retry_on_failure` option; `defaults` replaces some of the Collector's general defaults, as the user would write them. */
export function retryOnFailure(defaults: Partial<Record<keyof RetrySettings, unknown>> = {}): s.Field<RetrySettings> {
  const fields = Object.fromEntries(
    Object.entries(retryFields).map(([key, field]) => [
      key,
      key in defaults ? { ...field, default: defaults[key as keyof RetrySettings] } : field,
    ]),
  ) as typeof retryFields;
  const schema = s.check(s.object(fields), (retry, complain) => {
    if (!retry.enabled || retry.max_elapsed_time === 0) return;
    for (const key of ['initial_interval', 'max_interval'] as const) {
      if (retry[key] > retry.max_elapsed_time) complain('max_elapsed_time', `must not be shorter than ${key}`);
    }
  });
  return s.withDefault(schema, {}, '');
}

/** A string option that is known but not built yet: giving it is an issue that says so. */
export function notYet(what: string): s.Field<string | undefined> {
  return s.optional(s.string({ check: () => `is not supported yet: ${what}` }), `Not supported yet: ${what}.`);
}

const queueSizer = () => s.oneOf('requests', 'items', 'bytes');

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
  queue_size: s.withDefault(s.int({ min: 1 }), 1000, 'The most that waits or is under way, in the unit of `sizer`.'),
  sizer: s.withDefault(queueSizer(), 'requests', 'What `queue_size` counts: batches, metric points, or bytes.'),
  wait_for_result: s.withDefault(s.bool(), false, 'Hand-over ends only when the batch is sent or given up.'),
  block_on_overflow: s.withDefault(s.bool(), false, 'Wait for room when the queue is full, in place of refusing.'),
  storage: notYet('a queue on disk'),
  batch: s.optional(
    s.check(s.object(queueBatchFields), (batch, complain) => {
      if (batch.max_size && batch.max_size < batch.min_size) complain('max_size', 'must not be less than min_size');
    }),
    'Join what waits in the queue into larger requests.',
  ),
};

export type QueueSettings = s.FieldValues<typeof sendingQueueFields>;

/** The `sending_queue` option. */
export function sendingQueue(): s.Field<QueueSettings> {
  const schema = s.check(s.object(sendingQueueFields), (queue, complain) => {
    if (queue.batch && queue.sizer !== 'requests' && queue.sizer === queue.batch.sizer) {
      if (queue.batch.min_size > queue.queue_size) complain('batch.min_size', 'must not be more than queue_size');
    }
  });
  return s.withDefault(schema, {}, '');
}
