import { check, duration, type Infer, int, object, required, withDefault } from '#config';

const MIB = 1024 * 1024;

export const limiterConfig = check(
  object({
    check_interval: required(duration(), 'How often memory is measured; `1s` suits most. Above 0.'),
    limit_mib: withDefault(int({ min: 0 }), 0, 'The hard limit, in MiB. Wins over `limit_percentage`.'),
    spike_limit_mib: withDefault(
      int({ min: 0 }),
      0,
      'What may be added between two measurements, in MiB: the soft limit lies this far below. `0`: 20 % of the limit.',
    ),
    limit_percentage: withDefault(int({ min: 0, max: 100 }), 0, 'The hard limit, in percent of the memory there is.'),
    spike_limit_percentage: withDefault(
      int({ min: 0, max: 100 }),
      0,
      'As `spike_limit_mib`, in percent of the memory.',
    ),
    min_gc_interval_when_soft_limited: withDefault(
      duration(),
      '10s',
      'Between two forced garbage collections while above the soft limit.',
    ),
    min_gc_interval_when_hard_limited: withDefault(
      duration(),
      '0s',
      'Between two forced garbage collections while above the hard limit.',
    ),
  }),
  ({ check_interval }, complain) => {
    if (check_interval === 0) complain('check_interval', 'must be greater than 0');
  },
  ({ limit_mib, limit_percentage }, complain) => {
    if (limit_mib === 0 && limit_percentage === 0) complain('', 'needs limit_mib or limit_percentage');
  },
  ({ limit_mib, spike_limit_mib }, complain) => {
    if (limit_mib > 0 && spike_limit_mib >= limit_mib) complain('spike_limit_mib', 'must be smaller than limit_mib');
  },
  ({ limit_percentage, spike_limit_percentage }, complain) => {
    if (limit_percentage > 0 && spike_limit_percentage >= limit_percentage) {
      complain('spike_limit_percentage', 'must be smaller than limit_percentage');
    }
  },
  ({ min_gc_interval_when_soft_limited: soft, min_gc_interval_when_hard_limited: hard }, complain) => {
    if (soft < hard) {
      complain('min_gc_interval_when_soft_limited', 'must not be less than min_gc_interval_when_hard_limited');
    }
  },
);
export type LimiterConfig = Infer<typeof limiterConfig>;

/** Bytes. Above `soft` data is refused; above `hard` garbage is collected at once. */
export interface Limits {
  hard: number;
  soft: number;
}

/** `total`: the bytes of memory there are, for percentages. */
export function limitsOf(config: LimiterConfig, total: number): Limits {
  const isFixed = config.limit_mib > 0;
  const hard = isFixed ? config.limit_mib * MIB : (total * config.limit_percentage) / 100;
  const spike = isFixed ? config.spike_limit_mib * MIB : (total * config.spike_limit_percentage) / 100;
  return { hard, soft: hard - (spike || hard / 5) };
}
