import { Families } from './families.ts';
import { PlanMemory } from './memory.ts';
import { PageBuild } from './page.ts';
import { Plan } from './plan.ts';
import type { PlanShelf } from './shelf.ts';
import { checkStrictly } from './strict.ts';
import type { Layout, PageOptions, ParsedPage, RawSample } from './types.ts';

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
      const layout = model && sameSamples(model.samples, build.samples) ? model.layout : page.layout;
      plan = new Plan(body, build, layout, options, own?.retire());
      shelf?.add(plan, options);
      return layout === page.layout ? page : { ...page, layout };
    },
  };
}

/** Parses one page on its own, with nothing remembered. Throws an ExpositionError at the first fault. */
export function parsePage(body: Buffer, options: PageOptions): ParsedPage {
  if (options.strict) checkStrictly(body, options.format);
  return new PageBuild(body, options, new Families()).run();
}

function sameSamples(a: Layout['samples'], b: readonly RawSample[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
