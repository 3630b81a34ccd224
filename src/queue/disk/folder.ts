import { join } from 'node:path';
import type { Kind } from '#component';
import { createHash } from '#kit';

/** No file system takes longer names. */
const LONGEST = 200;

/** The folder of a component's queue: `exporter_otlphttp_main`. Nothing in an id leads out of `directory`. */
export function queueFolder(directory: string, kind: Kind, id: string): string {
  const name = [kind, ...id.split('/')].map((part) => encodeURIComponent(part)).join('_');
  if (name.length <= LONGEST) return join(directory, name);
  const digest = createHash('sha256').update(id).digest('hex').slice(0, 16);
  return join(directory, `${name.slice(0, LONGEST)}_${digest}`);
}
