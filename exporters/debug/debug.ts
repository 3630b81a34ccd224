import { type Exporter, exporter, type Host } from '#component';
import * as s from '#config';
import { type Batch, pointCount } from '#metrics';
import { planOf, type Stamped, StartTimes } from '#otlp';
import { detailedText } from './detailed.ts';
import { normalText } from './normal.ts';
import { createSampler } from './sampler.ts';

const outputPath = s.oneOf('stdout', 'stderr');

const config = s.check(
  s.object({
    verbosity: s.withDefault(
      s.word('basic', 'normal', 'detailed'),
      'basic',
      'A line for each batch, a line for each data point, or everything.',
    ),
    sampling_initial: s.withDefault(s.int({ min: 0 }), 2, 'How many batches of a second are always shown.'),
    sampling_thereafter: s.withDefault(s.int({ min: 0 }), 1, 'Of the rest, every how-many-eth is shown. `0`: none.'),
    use_internal_logger: s.withDefault(s.bool(), true, "Write into the agent's own log."),
    output_paths: s.optional(
      s.list(outputPath, { min: 1 }),
      'Where to write without the internal logger: `stdout` (the default), `stderr`. The exporter `file` writes files.',
    ),
  }),
  ({ use_internal_logger, output_paths }, complain) => {
    if (use_internal_logger && output_paths) complain('output_paths', 'needs use_internal_logger: false');
  },
);
type Config = s.Infer<typeof config>;

export interface Output {
  write(text: string, done: (error?: Error | null) => void): unknown;
}
/** The process' own streams, handed in for tests. */
export type Outputs = Readonly<Record<'stdout' | 'stderr', Output>>;

export default exporter<Config>({
  type: 'debug',
  summary: 'Shows what passes through a pipeline.',
  stability: 'beta',
  config,
  create: (options, host) => createDebug(options, host, process),
});

export function createDebug(options: Config, host: Host, outputs: Outputs): Exporter {
  const starts = new StartTimes();
  const sample = createSampler(host.clock, options.sampling_initial, options.sampling_thereafter);
  const own = { name: 'dnscol', version: host.version };
  const paths = options.output_paths ?? ['stdout'];
  let running = false;

  function text(stamped: readonly Stamped[]): string {
    if (options.verbosity === 'basic') return '';
    return options.verbosity === 'normal' ? normalText(stamped, own) : detailedText(stamped, own);
  }

  return {
    async start() {
      running = true;
    },
    async stop() {
      running = false;
    },
    async consume(batch) {
      if (!running) throw new Error('the exporter is not running');
      // Start times follow every batch, shown or not.
      const stamped = starts.stamp(batch);
      if (!sample()) return;
      const counts = countsOf(batch);
      const body = text(stamped);
      if (options.use_internal_logger) {
        // What is shown was chosen above: the log must not thin it out once more.
        host.log.info('Metrics', counts, { always: true, text: body });
        return;
      }
      const whole = `Metrics ${JSON.stringify(counts)}\n${body && `${body}\n`}`;
      await Promise.all(paths.map((path) => write(outputs[path], whole)));
    },
  };
}

/** As OTLP counts: a histogram is one data point, however many samples it is made of. */
function countsOf(batch: Batch): Record<string, number> {
  const plans = batch.map(({ set }) => planOf(set));
  const sum = (count: (plan: (typeof plans)[number]) => number) =>
    plans.reduce((total, plan) => total + count(plan), 0);
  return {
    'resource metrics': sum((plan) => plan.resources.length),
    metrics: sum((plan) => plan.metrics),
    'data points': sum((plan) => plan.points),
    samples: pointCount(batch),
  };
}

function write(output: Output, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    output.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
