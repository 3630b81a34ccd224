import type { Clock } from '#clock';
import type { Logger } from '#component';

/** A receiver that did not know 2.0 may have been replaced by one that does. Milliseconds. */
const TRY_AGAIN = 3_600_000;

/** Which version of the protocol to speak. */
export interface Protocol {
  version(): 1 | 2;
  /** The receiver does not know 2.0: 1.0 is spoken until it is worth another try. */
  refused(why: string): void;
  /** It does know it. */
  understood(): void;
}

/** 2.0 where the user wants it, for as long as the receiver takes it. */
export function createProtocol(wanted: 1 | 2, clock: Clock, log: Logger): Protocol {
  let refusedAt: number | undefined;
  let isTrying = false;

  return {
    version() {
      if (wanted === 1 || refusedAt === undefined || isTrying) return wanted;
      isTrying = clock.monotonic() - refusedAt >= TRY_AGAIN;
      return isTrying ? 2 : 1;
    },
    refused(why) {
      // Requests that were under way when the first was refused, and later trials, are nothing new.
      if (refusedAt === undefined) log.warn('the receiver does not take Remote Write 2.0; it gets 1.0', { why });
      refusedAt = clock.monotonic();
      isTrying = false;
    },
    understood() {
      if (refusedAt !== undefined && !isTrying) return;
      if (refusedAt !== undefined) log.info('the receiver takes Remote Write 2.0 now');
      refusedAt = undefined;
      isTrying = false;
    },
  };
}
