import { processor } from '#component';
import { Batcher } from './batcher.ts';
import { batchConfig } from './config.ts';

export default processor({
  type: 'batch',
  summary: 'Gathers samples, to send them on in fewer and larger batches',
  stability: 'beta',
  config: batchConfig,
  create: ({ timeout, send_batch_size, send_batch_max_size }, host, next) =>
    new Batcher({ timeout, size: send_batch_size, maxSize: send_batch_max_size }, host, next),
});
