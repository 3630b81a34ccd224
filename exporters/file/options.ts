import zlib from 'node:zlib';
import * as s from '#config';

const NOT_YET = 'is not supported yet';

const encoding = s.string({ check: () => `${NOT_YET}: there are no encoding extensions` });

const groupBy = s.check(
  s.object({
    enabled: s.withDefault(s.bool(), false, 'A file for each value of a resource attribute. Not supported yet.'),
    resource_attribute: s.optional(s.string(), 'Not supported yet.'),
    max_open_files: s.optional(s.int({ min: 1 }), 'Not supported yet.'),
  }),
  ({ enabled }, complain) => {
    if (enabled) complain('enabled', `${NOT_YET}: everything goes into one file`);
  },
);

const rotation = s.object({
  max_megabytes: s.withDefault(
    s.int({ min: 0 }),
    100,
    'Size (in MiB) past which a new file is begun; 0 stands for 100.',
  ),
  max_days: s.withDefault(s.int({ min: 0 }), 0, 'Days after which an old file is deleted; 0: never.'),
  max_backups: s.withDefault(s.int({ min: 0 }), 100, 'How many old files to keep; 0: all.'),
  localtime: s.withDefault(s.bool(), false, "Name old files by the machine's own time rather than UTC."),
});
export type Rotation = s.Infer<typeof rotation>;

const permissions = s.string({
  typeName: 'octal',
  check: (text) => (/^0?[0-7]{3}$/.test(text) ? undefined : 'must be permissions in octal, such as "0755"'),
});

const fields = {
  path: s.required(s.string({ nonEmpty: true }), 'The file to write.'),
  format: s.withDefault(
    s.oneOf('json', 'proto'),
    'json',
    'OTLP/JSON, a request a line; or protobuf, each request behind its length in four bytes (big-endian).',
  ),
  append: s.withDefault(s.bool(), false, 'Go on after what is in the file, rather than begin it anew.'),
  rotation: s.optional(rotation, 'Begin a new file when one is large. What is in the file at start-up stays.'),
  compression: s.optional(
    s.oneOf('zstd', 'none', ''),
    'Compress each request by itself; each then stands behind its length, JSON too. `zstd` needs Node 22.15.',
  ),
  flush_interval: s.withDefault(s.duration(), '1s', 'How long a request may wait in memory. `0`: written at once.'),
  create_directory: s.withDefault(s.bool(), false, 'Make the directory of `path` when it is not there.'),
  directory_permissions: s.withDefault(permissions, '0755', 'Of a directory that is made.'),
  encoding: s.optional(encoding, 'Not supported yet.'),
  group_by: s.optional(groupBy, ''),
};

export const config = s.check(s.object(fields), ({ append, compression, rotation: rotates }, complain) => {
  if (compression === 'zstd' && typeof zlib.zstdCompressSync !== 'function') {
    complain('compression', 'zstd needs Node 22.15 or newer');
  }
  if (append && compression === 'zstd') complain('append', 'cannot be used with compression');
  if (append && rotates) complain('append', 'cannot be used with rotation, which always appends');
});

export type Config = s.Infer<typeof config>;
