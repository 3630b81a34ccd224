import { existsSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../shared/suites');

/** Loaded before the suites: without their data none of them can run, and none may pass. */
if (!existsSync(folder)) {
  throw new Error(
    `the suites need others' test data beside the project, at ../shared/suites: there is none at ${folder}`,
  );
}
