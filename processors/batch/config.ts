import { check, duration, int, object, strings, withDefault } from '#config';

export const batchConfig = check(
  object({
    timeout: withDefault(duration(), '200ms', 'The longest a sample waits. `0`: nothing waits, only the sizes apply.'),
    send_batch_size: withDefault(int({ min: 0 }), 8192, 'Samples that make a batch go at once, before the timeout.'),
    send_batch_max_size: withDefault(
      int({ min: 0 }),
      0,
      'The most samples in one batch; more are split. `0`: no limit.',
    ),
    metadata_keys: withDefault(strings(), [], 'Accepted only when empty: no client metadata reaches this pipeline.'),
    metadata_cardinality_limit: withDefault(int({ min: 0 }), 1000, 'Accepted; bounds what `metadata_keys` would make.'),
  }),
  ({ send_batch_size, send_batch_max_size }, complain) => {
    if (send_batch_max_size > 0 && send_batch_max_size < send_batch_size) {
      complain('send_batch_max_size', `must be 0 or at least send_batch_size, which is ${send_batch_size}`);
    }
  },
  ({ metadata_keys }, complain) => {
    if (metadata_keys.length > 0) complain('metadata_keys', 'must be empty: no client metadata reaches this pipeline');
  },
);
