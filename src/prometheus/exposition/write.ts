import { type Exemplar, isStale, type SeriesSet, type Snapshot } from '#metrics';
import { formatFloat } from './number.ts';
import { exemplarText, isExemplary, lastExemplars, secondsText } from './write_exemplars.ts';
import type { PageFormat } from './write_format.ts';
import { type Block, layOut, type PageConflict, type PageLayout, type PlacedPart } from './write_layout.ts';
import { hasTemplate, templateOf } from './write_template.ts';

export { negotiateFormat, type PageFormat } from './write_format.ts';
export type { PageConflict } from './write_layout.ts';
export type { Escaping } from './write_names.ts';

/** What one source has on the page. Like all that is in flight, never changed in place. */
export interface PageSource {
  readonly snapshot: Snapshot;
  /** 1 for each series of the set that is not to be shown. */
  readonly hidden?: Uint8Array;
}

export interface PageWriterOptions {
  /** Write each sample's time. */
  timestamps?: boolean;
  /** Sources contradict each other, or names fall together; told once each time the page's layout is made anew. */
  onConflict?(conflict: PageConflict): void;
}

export interface PageWriter {
  /**
   * The page of these sources. Where they contradict each other, the earlier one has the word. Samples that are marked
   * stale are left out, and so is a family that has no sample left.
   */
  write(sources: readonly PageSource[], format: PageFormat): Promise<Buffer>;
}

/** Characters of a piece: large enough to be encoded at full speed, small enough to hold nobody up. */
const PIECE = 128 * 1024;

/**
 * A writer remembers how the parts of the last page fit together. While every source reports the same series, what is left
 * to do is to put the values behind the lines' beginnings.
 */
export function createPageWriter({ timestamps = false, onConflict }: PageWriterOptions = {}): PageWriter {
  const layouts = new Map<string, { sets: readonly SeriesSet[]; layout: PageLayout }>();

  function layoutOf(sources: readonly PageSource[], format: PageFormat): PageLayout {
    const known = layouts.get(format.contentType);
    const sets = sources.map(({ snapshot }) => snapshot.set);
    if (known && sameItems(known.sets, sets)) return known.layout;
    const layout = layOut(sets, format);
    // A format that nobody asks for any more must not hold on to sets that are gone.
    for (const [key, old] of layouts) if (!sameItems(old.sets, sets)) layouts.delete(key);
    layouts.set(format.contentType, { sets, layout });
    for (const conflict of layout.conflicts) onConflict?.(conflict);
    return layout;
  }

  return {
    async write(sources, format) {
      await prepare(sources, format);
      const { blocks } = layoutOf(sources, format);
      const pieces: Buffer[] = [];
      let text = '';
      const stamp = !timestamps ? undefined : format.openMetrics ? secondsText : String;
      for (const block of blocks) {
        let head = block.head;
        for (const lines of blockLines(block, sources, format, stamp)) {
          text += head + lines;
          head = '';
          if (text.length < PIECE) continue;
          pieces.push(Buffer.from(text));
          text = '';
          await turn();
        }
      }
      pieces.push(Buffer.from(format.openMetrics ? `${text}# EOF\n` : text));
      return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    },
  };
}

/** Lets others have their turn of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes the templates of new sets, one a turn. Those of known sets cost nothing. */
async function prepare(sources: readonly PageSource[], format: PageFormat): Promise<void> {
  for (const { snapshot } of sources) {
    if (hasTemplate(snapshot.set, format)) continue;
    templateOf(snapshot.set, format);
    await turn();
  }
}

type Stamp = ((milliseconds: number) => string) | undefined;

/** Lines of a block, some hundred at a time; nothing when no sample is left. */
function* blockLines(
  { parts }: Block,
  sources: readonly PageSource[],
  format: PageFormat,
  stamp: Stamp,
): Generator<string> {
  for (const placed of parts) {
    const source = sources[placed.source]!;
    const marks = exemplarsOf(placed, source, format);
    for (let from = 0; from < placed.part.lines.length; from += 500) {
      const lines = someLines(placed, source, from, Math.min(from + 500, placed.part.lines.length), stamp, marks);
      if (lines) yield lines;
    }
  }
}

type Marks = ((index: number) => string) | undefined;

/** What stands behind the values of series that have exemplars; nothing where the format or the type has none. */
function exemplarsOf({ part }: PlacedPart, { snapshot }: PageSource, format: PageFormat): Marks {
  if (!snapshot.exemplars || !format.openMetrics || !isExemplary(part.type)) return undefined;
  const last: ReadonlyMap<number, Exemplar> = lastExemplars(snapshot);
  return (index) => {
    const one = last.get(index);
    return one ? exemplarText(one, snapshot.set.series[index]!, part.type, format.escaping) : '';
  };
}

function someLines(
  { part, doubles }: PlacedPart,
  source: PageSource,
  from: number,
  to: number,
  stamp: Stamp,
  marks: Marks,
): string {
  const { values, times, time } = source.snapshot;
  const { hidden } = source;
  let text = '';
  for (let k = from; k < to; k++) {
    const i = part.index[k]!;
    if (hidden?.[i] || doubles?.has(k) || isStale(values, i)) continue;
    text += part.lines[k]! + valueText(values[i]!);
    if (stamp) text += ` ${stamp(times ? times[i]! : time)}`;
    if (marks) text += marks(i);
    text += '\n';
  }
  return text;
}

/** In this range JavaScript writes numbers as Go does. Zero is not in it, because of -0. */
function valueText(value: number): string {
  const size = Math.abs(value);
  return size >= 1e-4 && size < 1e6 ? `${value}` : formatFloat(value);
}

function sameItems<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
