import { atOnce, type Steps } from '#kit';
import { Columns } from './columns.ts';
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
  /**
   * The same, but for a large page that is not like the last one: of that it keeps a copy, and what it answers is the work, which
   * throws what `parse` does. No other page may be parsed before that is done, or given up.
   */
  begin?(body: Buffer): ParsedPage | Steps<ParsedPage>;
}

/**
 * Bytes from which on a page that has to be read anew takes long enough, about a tenth of a second, to let others have their turn.
 * Its copy is kept meanwhile: a hundred targets with smaller pages, all new at once, must not hold a hundred copies.
 */
const LARGE = 1536 * 1024;

/** `shelf`: what parsers of sources like this one know. */
export function createPageParser(options: PageOptions, shelf?: PlanShelf): PageParser {
  let plan: Plan | undefined;

  /** The page, where it is like one that is known; otherwise it may be read. */
  function known(body: Buffer): ParsedPage | undefined {
    if (options.strict) checkStrictly(body, options.format);
    const same = plan?.read(body);
    if (same) return same;
    const found = shelf?.read(body, options, plan);
    if (found) plan = found.plan;
    else options.admit?.(body);
    return found?.page;
  }

  function* read(body: Buffer, columns?: Columns): Steps<ParsedPage> {
    const own = plan;
    const model = own ?? shelf?.newest(options);
    // Between two steps its owner could use its memory for another page.
    if (columns && model && model !== own) model.isShared = true;
    const memory = model && new PlanMemory(model, body);
    const build = new PageBuild(body, options, new Families(model?.families), memory, columns);
    const page = yield* build.steps();
    const places = build.columns.places.slice(0, build.samples.length);
    const layout = model && isSame(model, places) ? model.layout : page.layout;
    plan = new Plan(body, build, layout, options, own?.retire());
    if (model) inheritHashes(plan, model, places);
    shelf?.add(plan, options);
    if (!model) return page;
    if (layout !== page.layout) return { ...page, layout };
    return { ...page, origin: { before: model.layout, after: layout, places, isTimed: build.timestamps > 0 } };
  }

  return {
    parse: (body) => known(body) ?? atOnce(read(body)),
    begin: (body) =>
      known(body) ?? (body.length < LARGE ? atOnce(read(body)) : read(Buffer.from(body), new Columns(1 << 14))),
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
