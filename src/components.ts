import type { Factory, Kind } from '#component';

type Load = () => Promise<{ default: Factory }>;

/**
 * Every component, by kind and type. Literal imports: typed, greppable, and only what the YAML names is loaded. Deleting a
 * component is deleting its folder and its line here.
 */
export const components: Record<Kind, Record<string, Load>> = {
  receiver: {
    prometheus: () => import('../receivers/prometheus/prometheus.ts'),
  },
  processor: {},
  exporter: {},
  extension: {},
};
