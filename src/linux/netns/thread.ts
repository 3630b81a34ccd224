import { Worker } from 'node:worker_threads';

/** The text of worker.ts with all that it imports; in the bundle only, see scripts/build.ts. */
declare const NETNS_WORKER: string | undefined;

const OPTIONS = {
  name: 'netns',
  // It reads none.
  env: {},
  // The main thread has said that node:ffi is experimental.
  execArgv: ['--disable-warning=ExperimentalWarning'],
  resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
};

/** Starts the thread that visits namespaces. In the bundle there is no file to start it from. */
export function startThread(): Worker {
  return typeof NETNS_WORKER === 'string'
    ? new Worker(NETNS_WORKER, { ...OPTIONS, eval: true })
    : new Worker(new URL('./worker.ts', import.meta.url), OPTIONS);
}
