import { type Consumer, isPermanent, PermanentError } from '#component';

/**
 * Hands a batch to each of several consumers at once; batches are never changed in place, so nothing is copied. Rejects when
 * any of them rejects, after all have answered: permanently only if sending the batch again could help none of them.
 */
export function fanOut(consumers: readonly Consumer[]): Consumer {
  if (consumers.length === 1) return consumers[0]!;
  return {
    async consume(batch, signal) {
      const answers = await Promise.allSettled(consumers.map(async (c) => c.consume(batch, signal)));
      const errors = answers.flatMap((a) => (a.status === 'rejected' ? [a.reason] : []));
      if (!errors.length) return;
      if (errors.length === 1) throw errors[0];
      const cause = new AggregateError(errors, errors.map(String).join('; '));
      const message = `${errors.length} of ${consumers.length} consumers refused the batch`;
      throw errors.every(isPermanent) ? new PermanentError(message, { cause }) : new Error(message, { cause });
    },
  };
}
