import { processor } from '#component';
import { check, object, oneOf, withDefault } from '#config';
import { type Batch, formatLabels, type Snapshot } from '#metrics';
import { checkRelabelNames, compileRelabel, nameValidationSchemes, relabelConfigsSchema } from '#prometheus';
import { applyPlan, dropReasons, setRelabeler } from './plan.ts';

const config = check(
  object({
    metric_relabel_configs: withDefault(
      relabelConfigsSchema,
      [],
      "Rules that choose series and change their labels, in order: Prometheus' metric_relabel_configs.",
    ),
    name_validation_scheme: withDefault(oneOf(...nameValidationSchemes), 'utf8', 'Which label names a rule may write.'),
  }),
  ({ metric_relabel_configs, name_validation_scheme }, complain) =>
    checkRelabelNames(metric_relabel_configs, name_validation_scheme, (inner, message) =>
      complain(`metric_relabel_configs${inner}`, message),
    ),
);

export default processor({
  type: 'relabel',
  summary: "Chooses series and changes labels by Prometheus' relabelling rules",
  stability: 'beta',
  config,
  create({ metric_relabel_configs, name_validation_scheme }, host, next) {
    const relabeler = compileRelabel(metric_relabel_configs, name_validation_scheme);
    let told = false;
    const planOf = setRelabeler(relabeler, (labels) => {
      if (told) return;
      told = true;
      host.log.warn(`two series are equal after relabelling, such as ${formatLabels(labels)}; the first one is kept`);
    });
    const counters = dropReasons.map(
      (reason) =>
        [
          reason,
          host.meter.counter('dnscol_processor_relabel_dropped_metric_points_total', {
            help: 'Samples that relabelling left out',
            unit: '{datapoints}',
            attributes: { reason },
          }),
        ] as const,
    );

    function relabel(snapshot: Snapshot): Snapshot | undefined {
      const plan = planOf(snapshot.set);
      for (const [reason, counter] of counters) if (plan.dropped[reason] > 0) counter.add(plan.dropped[reason]);
      return applyPlan(snapshot, plan);
    }

    return {
      async consume(batch: Batch, signal) {
        const out = batch.map(relabel).filter((snapshot) => snapshot !== undefined);
        if (out.length > 0) await next.consume(out, signal);
      },
    };
  },
});
