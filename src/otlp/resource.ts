import { type Labels, METRIC_NAME, serviceAttributes, sortedLabels } from '#metrics';

/** A series' labels taken apart, as the Collector's `prometheus` receiver does. */
export interface Identity {
  readonly name: string;
  readonly job: string;
  readonly instance: string;
  /** `otel_scope_name`, `otel_scope_version`, …, prefix included. */
  readonly scope: Labels;
  /** What is left for the data point. */
  readonly attributes: Labels;
  /** The value of the label that was taken out (`le`, `quantile`). */
  readonly taken: string | undefined;
}

export const SCOPE_PREFIX = 'otel_scope_';

export function identify(labels: Labels, take?: 'le' | 'quantile'): Identity {
  let name = '';
  let job = '';
  let instance = '';
  let taken: string | undefined;
  const scope: string[] = [];
  const attributes: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    const key = labels[i]!;
    const value = labels[i + 1]!;
    if (key === METRIC_NAME) name = value;
    else if (key === 'job') job = value;
    else if (key === 'instance') instance = value;
    else if (key === take) taken = value;
    else if (key.startsWith(SCOPE_PREFIX)) scope.push(key, value);
    else attributes.push(key, value);
  }
  return { name, job, instance, scope, attributes, taken };
}

/**
 * The attributes of one target's resource. `given` (what receivers and processors know: `k8s.*` …) wins over the labels of
 * `target_info`, and those over what `job` and `instance` say.
 */
export function resourceAttributes(job: string, instance: string, info: Labels, given: Labels): Labels {
  const all = serviceAttributes(job, instance);
  for (const labels of [info, given]) {
    for (let i = 0; i < labels.length; i += 2) all.set(labels[i]!, labels[i + 1]!);
  }
  return sortedLabels(all);
}
