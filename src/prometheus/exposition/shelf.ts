import type { Plan } from './plan.ts';
import type { PageOptions, ParsedPage } from './types.ts';

/** So many plans are known; those that were made last. */
const MOST = 8;

/**
 * What the parsers of several sources can learn from one another. The replicas of a program show pages that differ in their
 * numbers alone: they are read by one plan, which is made and held once. A plan lives as long as some parser uses it.
 */
export class PlanShelf {
  readonly #plans = new Map<string, WeakRef<Plan>[]>();

  /** The page as one of the plans reads it, and that plan. `tried` could not. */
  read(body: Buffer, options: PageOptions, tried: Plan | undefined): { plan: Plan; page: ParsedPage } | undefined {
    for (const one of this.#of(options)) {
      const plan = usable(one);
      const page = plan === tried ? undefined : plan?.read(body);
      if (!plan || !page) continue;
      plan.isShared = true;
      return { plan, page };
    }
    return undefined;
  }

  /** The last plan that was made and still is in use. */
  newest(options: PageOptions): Plan | undefined {
    return this.#of(options).reduceRight<Plan | undefined>((found, one) => usable(one) ?? found, undefined);
  }

  add(plan: Plan, options: PageOptions): void {
    const plans = this.#of(options).filter((one) => usable(one) !== undefined);
    this.#plans.set(keyOf(options), [new WeakRef(plan), ...plans.slice(0, MOST - 1)]);
  }

  #of(options: PageOptions): readonly WeakRef<Plan>[] {
    return this.#plans.get(keyOf(options)) ?? [];
  }
}

function usable(one: WeakRef<Plan>): Plan | undefined {
  const plan = one.deref();
  return plan?.isRetired ? undefined : plan;
}

/** Plans made for other options read the same bytes as something else. */
const keyOf = ({ format, strict = false, exemplars = false, keepBounds = false }: PageOptions): string =>
  [format, strict, exemplars, keepBounds].join(' ');
