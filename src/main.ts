/** The process: arguments, environment, signals, standard streams, exit. Nothing else touches them. */
import { setFlagsFromString } from 'node:v8';
import { cli } from './cli.ts';
import type { Life } from './commands/io.ts';
import { explain } from './telemetry/logger.ts';
import { isNews } from './warnings.ts';

// V8 plans its next full collection by how fast memory is asked for. An agent holds much and asks for little, so V8 would
// collect all of it at every tenth more, which was half of our CPU time: see bench/README.md.
setFlagsFromString('--heap-growing-percent=100');
// What only the start ran need not stay compiled until the sixth full collection, which may be an hour later.
setFlagsFromString('--bytecode-old-age=1');

process.removeAllListeners('warning').on('warning', (warning) => {
  if (isNews(warning)) process.stderr.write(`${warning.name}: ${warning.message}\n`);
});

/** npm repeats to its script the Ctrl-C that the terminal gave to both: within this many milliseconds, two are one. */
const ECHO = process.env.npm_lifecycle_event === undefined ? 0 : 250;

/** A stop that comes before `run` listens is kept for it. */
let asked: number | undefined;
let onEvent: (event: 'stop' | 'reload') => void = () => {};
const stop = (signal: NodeJS.Signals) => {
  const now = performance.now();
  const isEcho = signal === 'SIGINT' && asked !== undefined && now - asked < ECHO;
  // Whoever asks twice will not wait for a drain.
  if (asked !== undefined && !isEcho) process.exit(1);
  asked ??= now;
  onEvent('stop');
};

const life: Life = {
  onSignal(listener) {
    onEvent = listener;
    if (asked !== undefined) listener('stop');
    return () => {
      onEvent = () => {};
    };
  },
  onUncaught(listener) {
    process.on('uncaughtException', listener);
    return () => void process.off('uncaughtException', listener);
  },
};

// A reader of our output that goes away (`| head`) is its own affair.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const { stdin, stdout, stderr, env } = process;
const args = process.argv.slice(2);
if (args[0] === 'run' || args[0]?.startsWith('-')) {
  process
    .on('SIGTERM', stop)
    .on('SIGINT', stop)
    .on('SIGHUP', () => onEvent('reload'))
    // Without a listener Node would open its inspector, through which whoever reaches the port runs what they like.
    .on('SIGUSR1', () => {});
}
cli(args, { stdin, stdout, stderr, env, life }).then(
  // Nothing may keep the process alive that its components left behind.
  (code) => process.exit(code),
  (error) => {
    stderr.write(`dnscol: ${explain(error)}\n`);
    process.exit(1);
  },
);
