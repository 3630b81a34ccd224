import type { MetricDeclaration } from '#component';

const LABELS = ['job', 'instance'];

export const READY: MetricDeclaration = {
  name: 'coredns_ready',
  type: 'gauge',
  help: 'Whether the readiness endpoint answers 200: 1 or 0, 0 also when it does not answer.',
  labels: LABELS,
};
export const NOT_READY: MetricDeclaration = {
  name: 'coredns_plugin_not_ready',
  type: 'gauge',
  help: 'Always 1: the readiness endpoint names this plugin as one that it waits for.',
  labels: [...LABELS, 'plugin'],
};
export const HEALTH: MetricDeclaration = {
  name: 'coredns_health_up',
  type: 'gauge',
  help: 'Whether the health endpoint answers 200: 1 or 0, 0 also when it does not answer. Says nothing about UDP.',
  labels: [...LABELS, 'container'],
};

export const CHECK_METRICS: readonly MetricDeclaration[] = [READY, NOT_READY, HEALTH];
