/** Gathers what schemas and checks complain about, and keeps out what only follows from faults of the YAML. */
import type { Issue, Report } from './issue.ts';
import type { Loaded } from './load.ts';
import type { ConfigNode, Place } from './node.ts';
import { redactMessage, secretTexts } from './redact.ts';
import { type Soundness, soundness } from './soundness.ts';

export class Complaints implements Report {
  /** Nodes that a schema read as secrets. */
  readonly secrets = new Set<ConfigNode>();
  readonly #loaded: Loaded;
  readonly #sound: Soundness;
  readonly #unread: readonly string[];
  readonly #issues: Issue[] = [];
  readonly #warnings: Issue[] = [];
  #hidden: readonly string[] | undefined;

  constructor(loaded: Loaded) {
    this.#loaded = loaded;
    this.#sound = soundness(loaded);
    this.#unread = loaded.issues.filter((i) => i.unread).map((i) => i.path);
  }

  issue(path: string, message: string, place: Place): void {
    if (this.#speaks(path, place)) this.#issues.push({ path, message, place });
  }

  warn(path: string, message: string, place: Place): void {
    if (this.#speaks(path, place)) this.#warnings.push({ path, message, place, severity: 'warning' });
  }

  secret(node: ConfigNode): void {
    this.secrets.add(node);
  }

  /** A complaint that something is not there: worth nothing when a fault may have swallowed it. */
  absence(path: string, message: string, place: Place): void {
    if (this.#sound.everywhere) this.issue(path, message, place);
  }

  /** A report of references that lead nowhere, and of lists that are empty. */
  references(): Report {
    return {
      issue: (path, message, place) => this.absence(path, message, place),
      warn: (path, message, place) => this.warn(path, message, place),
    };
  }

  /** What must not be shown, once all schemas have read. */
  hidden(): readonly string[] {
    this.#hidden ??= secretTexts(this.#loaded.tree, this.secrets);
    return this.#hidden;
  }

  issues(): Issue[] {
    return this.#finished([...this.#loaded.issues, ...this.#issues]);
  }

  warnings(): Issue[] {
    return this.#finished([
      ...this.#loaded.warnings.map((w) => ({ ...w, severity: 'warning' as const })),
      ...this.#warnings,
    ]);
  }

  #speaks(path: string, place: Place): boolean {
    const follows = this.#unread.some(
      (unread) => path === unread || path.startsWith(`${unread}.`) || path.startsWith(`${unread}[`),
    );
    return !follows && this.#sound.at(place);
  }

  /** In the order of the files; the same thing said twice of one place is said once. */
  #finished(issues: readonly Issue[]): Issue[] {
    const files = [...this.#loaded.texts.keys()];
    const rank = ({ place }: Issue) => (place.file === '' ? -1 : files.indexOf(place.file));
    const sorted = [...issues].sort(
      (a, b) => rank(a) - rank(b) || a.place.line - b.place.line || a.place.column - b.place.column,
    );
    const hidden = this.hidden();
    const seen = new Set<string>();
    return sorted.flatMap((issue) => {
      const key = JSON.stringify([issue.path, issue.message, issue.place]);
      if (seen.has(key)) return [];
      seen.add(key);
      return [{ ...issue, message: redactMessage(issue.message, hidden) }];
    });
  }
}
