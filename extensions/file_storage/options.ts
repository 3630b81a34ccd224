import * as s from '#config';

const permissions = s.string({
  typeName: 'octal',
  check: (text) => (/^0?[0-7]{3}$/.test(text) ? undefined : 'must be permissions in octal, such as "0750"'),
});

const NOTHING_TO_COMPACT = 'Accepted; what was sent is deleted at once, there is nothing to compact.';

const compaction = s.object({
  on_start: s.withDefault(s.bool(), false, NOTHING_TO_COMPACT),
  on_rebound: s.withDefault(s.bool(), false, NOTHING_TO_COMPACT),
  directory: s.optional(s.string(), NOTHING_TO_COMPACT),
  rebound_needed_threshold_mib: s.withDefault(s.int({ min: 0 }), 100, NOTHING_TO_COMPACT),
  rebound_trigger_threshold_mib: s.withDefault(s.int({ min: 0 }), 10, NOTHING_TO_COMPACT),
  max_transaction_size: s.withDefault(s.int({ min: 0 }), 65_536, NOTHING_TO_COMPACT),
  check_interval: s.withDefault(s.duration(), '5s', NOTHING_TO_COMPACT),
  cleanup_on_start: s.withDefault(s.bool(), false, NOTHING_TO_COMPACT),
});

export const config = s.object({
  directory: s.withDefault(
    s.string({ nonEmpty: true }),
    '/var/lib/otelcol/file_storage',
    "Where the files are: the Collector's default, so that volumes fit. Only one process may use it at a time.",
  ),
  max_size: s.withDefault(
    s.size(),
    '1GiB',
    'The most bytes that each queue in it may have; `0`: as much as the disk has. In the Collector 0 is the default.',
  ),
  fsync: s.withDefault(
    s.bool(),
    false,
    'Sync each write before the batch counts as taken. Otherwise once a second: a power cut may cost the last second.',
  ),
  timeout: s.withDefault(s.duration(), '1s', 'How long to wait for another process to let go of the directory.'),
  create_directory: s.withDefault(
    s.bool(),
    true,
    'Make the directory when it is not there. The default in the Collector is false.',
  ),
  directory_permissions: s.withDefault(permissions, '0750', 'Of a directory that is made.'),
  recreate: s.withDefault(
    s.bool(),
    false,
    'Accepted; damaged records are skipped, and no damage ever keeps the agent from starting.',
  ),
  compaction: s.withDefault(compaction, {}, ''),
});

export type Config = s.Infer<typeof config>;
