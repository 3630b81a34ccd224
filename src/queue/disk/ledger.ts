import type { Host, StorageSpace } from '#component';
import { createComplaints, createLosses } from '../complaints.ts';
import { lost } from '../delivery.ts';
import type { Tally } from './format.ts';
import type { StoreEvents } from './store.ts';

/** Pauses between attempts to use a disk that does not work, in milliseconds. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 5000;

/** Why points in the queue are lost. `overflow`: the oldest made room for new ones. */
export type LossReason = 'overflow' | 'corrupt' | 'unreadable' | 'unknown_format' | 'stopped';

/** What a queue on disk says of itself: counters, log lines, status. */
export interface Ledger extends StoreEvents {
  /** Its status is well only where the disk is as well. */
  readonly host: Host;
  lost(reason: LossReason, points: number): void;
  refused(points: number): void;
  found(pending: Readonly<Tally>): void;
  /** The disk took nothing. */
  broken(error: unknown): void;
  /** The disk took all, or (`quietly`) nothing is there for it to take. */
  works(quietly?: boolean): void;
  /** The disk took nothing, the last time. */
  readonly inTrouble: boolean;
  /** Whether it is time to try. */
  mayWrite(): boolean;
  /** Says what has not been said yet. */
  flush(): void;
}

export function createLedger(host: Host, bytes: () => number, { folder, maxBytes }: StorageSpace): Ledger {
  const { meter, log, clock } = host;
  const complain = createComplaints(clock, log.warn);
  const losses = createLosses(clock, (points, reason) =>
    log.error(`lost ${points} metric points of the queue on disk`, { reason, folder }, { always: true }),
  );
  const dropped = (reason: string) =>
    meter.counter('dnscol_exporter_queue_dropped_points_total', {
      help: 'Metric points that the queue on disk did not take or did not keep, by reason.',
      unit: '{datapoints}',
      attributes: { reason },
    });
  const corrupt = meter.counter('dnscol_exporter_queue_corrupt_records_total', {
    help: 'Damaged records that were skipped; a segment that was emptied counts as one.',
    unit: '{records}',
  });
  const errors = (operation: string) =>
    meter.counter('dnscol_exporter_queue_disk_errors_total', {
      help: 'What the disk refused to do.',
      unit: '{errors}',
      attributes: { operation },
    });
  meter.gauge('dnscol_exporter_queue_disk_bytes', bytes, { help: 'Bytes in the files of the queue.', unit: 'By' });
  meter.gauge('dnscol_exporter_queue_disk_limit_bytes', () => (Number.isFinite(maxBytes) ? maxBytes : undefined), {
    help: 'The most bytes that they may have.',
    unit: 'By',
  });
  for (const operation of ['write', 'read', 'sync']) errors(operation);
  let trouble: { why: string; until: number; pause: number } | undefined;

  return {
    host: {
      ...host,
      report(status, why, said) {
        if (status === 'ok' && trouble) host.report('recoverable', trouble.why, 'said');
        else host.report(status, why, said);
      },
    },
    corrupt() {
      corrupt.add(1);
      complain('corrupt', 'skips damaged records of the queue on disk', { folder });
    },
    emptied(path) {
      corrupt.add(1);
      log.warn('a segment of the queue on disk is empty; the records in it are lost', { path });
    },
    lost(reason, points) {
      if (!points) return;
      lost(host, reason).add(points);
      dropped(reason).add(points);
      losses.add(reason, points);
    },
    refused: (points) => dropped('full').add(points),
    found({ records, points }) {
      if (records > 0)
        log.info(`${records} requests with ${points} metric points wait since an earlier run`, { folder });
    },
    failed(operation, error) {
      errors(operation).add(1);
      complain(operation, `cannot ${operation} files of the queue on disk`, { folder, error });
    },
    leftAlone: (path, why) => log.warn('leaves a file in the folder of the queue alone', { path, why }),
    broken(error) {
      errors('write').add(1);
      const pause = Math.min((trouble?.pause ?? FIRST_PAUSE / 2) * 2, LONGEST_PAUSE);
      const why = `cannot write the queue to ${folder}: ${error instanceof Error ? error.message : String(error)}`;
      if (!trouble)
        log.warn('the queue on disk cannot be written; goes on in memory', { folder, error }, { always: true });
      trouble = { why, pause, until: clock.monotonic() + pause };
      host.report('recoverable', why, 'said');
    },
    works(quietly = false) {
      if (!trouble) return;
      trouble = undefined;
      if (!quietly) log.info('the queue is written to disk again', { folder }, { always: true });
      host.report('ok');
    },
    get inTrouble() {
      return trouble !== undefined;
    },
    mayWrite: () => !trouble || clock.monotonic() >= trouble.until,
    flush: () => losses.flush(),
  };
}
