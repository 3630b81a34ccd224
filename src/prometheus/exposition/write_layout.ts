/** Puts the parts of all sources under one HELP and TYPE for each name, so that the page is valid whatever they say. */
import { compareBytes, type MetricType, type SeriesSet } from '#metrics';
import type { PageFormat } from './write_format.ts';
import { escapeHelp, escapeMetric, escapeValue, isClassicMetric, quoted } from './write_names.ts';
import { memberNames, narrowed, type Part, templateOf } from './write_template.ts';

export interface PlacedPart {
  /** Position of the source in the list that was laid out. */
  readonly source: number;
  readonly part: Part;
  /** Lines that another line of the page looks like: by position in the part. */
  readonly doubles?: ReadonlySet<number>;
}

export interface Block {
  /** The HELP, TYPE and UNIT lines. */
  readonly head: string;
  readonly parts: readonly PlacedPart[];
}

/** Two sources that say different things about one name. The first keeps the word. */
export interface PageConflict {
  readonly name: string;
  readonly what: 'type' | 'help' | 'name';
}

export interface PageLayout {
  readonly blocks: readonly Block[];
  readonly conflicts: readonly PageConflict[];
}

interface OpenBlock {
  name: string;
  type: MetricType;
  help: string;
  unit: string;
  parts: PlacedPart[];
}

export function layOut(sets: readonly SeriesSet[], format: PageFormat): PageLayout {
  const placing = new Placing(format);
  const templates = sets.map((set) => templateOf(set, format));
  for (const template of templates) placing.note(template);
  for (const [source, template] of templates.entries()) {
    for (const part of template) placing.place(part, source, sets[source]!);
  }
  return placing.finish();
}

class Placing {
  readonly #format: PageFormat;
  readonly #blocks = new Map<string, OpenBlock>();
  /** Whose sample name it is. */
  readonly #owners = new Map<string, OpenBlock>();
  /** Sample names that are also the bare name of something. */
  readonly #bare = new Set<string>();
  readonly #conflicts = new Map<string, PageConflict>();

  constructor(format: PageFormat) {
    this.#format = format;
  }

  note(template: readonly Part[]): void {
    for (const part of template) {
      // Only a name that some sample bears as it stands can be in the way of another's bare name.
      if (memberNames(part, this.#format.openMetrics).reserved.length === 0) {
        for (const name of part.names) this.#bare.add(name);
      }
    }
  }

  place(part: Part, source: number, set: SeriesSet): void {
    const known = this.#blocks.get(part.name);
    if (known && known.type === part.type) {
      if (known.help !== part.help) this.#conflict(part.name, 'help');
      known.parts.push({ source, part });
      return;
    }
    const { members, reserved } = memberNames(part, this.#format.openMetrics);
    const taken = [...members, ...reserved].some((name) => this.#owners.has(name));
    if (!taken && !reserved.some((name) => this.#bare.has(name))) {
      this.#open(part, members).parts.push({ source, part });
      return;
    }
    this.#placeEach(part, source, set);
  }

  /** One sample name at a time: under what already has the name, or on its own. */
  #placeEach(part: Part, source: number, set: SeriesSet): void {
    for (const name of part.names) {
      const owner = this.#owners.get(name);
      if (owner && owner.type !== part.type) this.#conflict(name, 'type');
      const type = owner?.type ?? 'unknown';
      const one = narrowed(part, set, name, type);
      (owner ?? this.#open(one, [name])).parts.push({ source, part: one });
    }
  }

  #open(part: Part, members: readonly string[]): OpenBlock {
    const { name, type, help, unit } = part;
    const block: OpenBlock = { name, type, help, unit, parts: [] };
    this.#blocks.set(name, block);
    for (const member of members) this.#owners.set(member, block);
    return block;
  }

  #conflict(name: string, what: PageConflict['what']): void {
    this.#conflicts.set(`${what} ${name}`, { name, what });
  }

  finish(): PageLayout {
    const ordered = [...this.#blocks.values()].sort((a, b) => compareBytes(a.name, b.name));
    const merged = this.#format.escaping === 'allow-utf-8' ? ordered : this.#mergeEscaped(ordered);
    const blocks = merged.map((block) => ({ head: headOf(block, this.#format), parts: this.#withoutDoubles(block) }));
    return { blocks, conflicts: [...this.#conflicts.values()] };
  }

  /** Names that are different, but not once escaped, share a block. */
  #mergeEscaped(blocks: readonly OpenBlock[]): OpenBlock[] {
    const byName = new Map<string, OpenBlock>();
    for (const block of blocks) {
      const name = escapeMetric(block.name, this.#format.escaping);
      const known = byName.get(name);
      if (known) {
        this.#conflict(block.name, 'name');
        known.parts.push(...block.parts);
      } else byName.set(name, block);
    }
    return [...byName.values()];
  }

  #withoutDoubles({ name, parts }: OpenBlock): readonly PlacedPart[] {
    if (!parts.some(({ part }) => part.escaped)) return parts;
    const seen = new Set<string>();
    return parts.map((placed) => {
      const doubles = new Set<number>();
      for (const [k, line] of placed.part.lines.entries()) {
        if (seen.has(line)) doubles.add(k);
        seen.add(line);
      }
      if (doubles.size) this.#conflict(name, 'name');
      return doubles.size ? { ...placed, doubles } : placed;
    });
  }
}

function headOf({ name, type, help, unit }: OpenBlock, { openMetrics, escaping }: PageFormat): string {
  const escaped = escapeMetric(name, escaping);
  const shown = isClassicMetric(escaped) ? escaped : quoted(escaped);
  const helpLine = help ? `# HELP ${shown} ${openMetrics ? escapeValue(help) : escapeHelp(help)}\n` : '';
  const typeLine = `# TYPE ${shown} ${type === 'unknown' && !openMetrics ? 'untyped' : type}\n`;
  const hasUnit = openMetrics && unit && type !== 'info' && type !== 'stateset' && escaped.endsWith(`_${unit}`);
  return helpLine + typeLine + (hasUnit ? `# UNIT ${shown} ${unit}\n` : '');
}
