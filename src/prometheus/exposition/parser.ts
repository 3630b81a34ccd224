import { Families } from './families.ts';
import { inheritHashes, PlanMemory } from './memory.ts';
import { PageBuild } from './page.ts';
import { Plan } from './plan.ts';
import type { PlanShelf } from './shelf.ts';
import { checkStrictly } from './strict.ts';
import type { PageOptions, ParsedPage } from './types.ts';

/** A parser for one source's pages, which knows the last one. */
export interface PageParser {
  /**
   * All or nothing: throws an ExpositionError, and still remembers the last good page then. `layout` is the same object as
   * last time while the page reports the same samples in the same order; when some change, the others stay the same
   * RawSample objects. `body` may be used again afterwards.
   */
  parse(body: Buffer): ParsedPage;
}

/** `shelf`: what parsers of sources like this one know. */
export function createPageParser(options: PageOptions, shelf?: PlanShelf): PageParser {
  let plan: Plan | undefined;
  return {
    parse(body) {
      if (options.strict) checkStrictly(body, options.format);
      const same = plan?.read(body);
      if (same) return same;
      const found = shelf?.read(body, options, plan);
      if (found) {
        plan = found.plan;
        return found.page;
      }
      options.admit?.(body);
      const own = plan;
      const model = own ?? shelf?.newest(options);
      const memory = model && new PlanMemory(model, body);
      const build = new PageBuild(body, options, new Families(model?.families), memory);
      const page = build.run();
      const places = build.columns.places.slice(0, build.samples.length);
      const layout = model && isSame(model, places) ? model.layout : page.layout;
      plan = new Plan(body, build, layout, options, own?.retire());
      if (model) inheritHashes(plan, model, places);
      shelf?.add(plan, options);
      if (!model) return page;
      if (layout !== page.layout) return { ...page, layout };
      return { ...page, origin: { before: model.layout, after: layout, places, isTimed: build.timestamps > 0 } };
    },
  };
}

/** Parses one page on its own, with nothing remembered. Throws an ExpositionError at the first fault. */
export function parsePage(body: Buffer, options: PageOptions): ParsedPage {
  if (options.strict) checkStrictly(body, options.format);
  return new PageBuild(body, options, new Families()).run();
}

/** Whether every sample stands where it stood. */
function isSame({ samples }: Plan, places: Int32Array): boolean {
  return samples.length === places.length && places.every((place, i) => place === i);
}
