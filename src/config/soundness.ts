import type { Loaded } from './load.ts';
import type { Place } from './node.ts';

/** Which parts of the files are as the user meant them, when the YAML has faults. */
export interface Soundness {
  /** No file has a fault. */
  readonly everywhere: boolean;
  /** The top-level section around this place has no fault in it. */
  at(place: Place): boolean;
}

/**
 * A fault of the YAML makes all around it uncertain: a tab in `receivers` must not be followed by complaints about missing
 * options. A section reaches from one key in the first column to the next.
 */
export function soundness({ issues, texts }: Pick<Loaded, 'issues' | 'texts'>): Soundness {
  const faulty = new Map<string, (line: number) => boolean>();
  for (const [file, text] of texts) {
    const lines = issues.filter((i) => i.path === '' && i.place.file === file).map((i) => i.place.line);
    if (lines.length) faulty.set(file, faultySections(text, lines));
  }
  return {
    everywhere: faulty.size === 0,
    at: (place) => !faulty.get(place.file)?.(place.line),
  };
}

function faultySections(text: string, faults: readonly number[]): (line: number) => boolean {
  const lines = text.split('\n');
  const starts = lines.flatMap((line, i) => (/^[^\s#-][^:]*:/.test(line) ? [i + 1] : []));
  const section = (line: number) => starts.findLast((start) => start <= line) ?? 0;
  const bad = new Set(faults.map(section));
  return (line) => bad.has(section(line));
}
