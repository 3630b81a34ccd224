import { equalLabels, type Labels, labelMap, labelValue, sortedLabels } from '#metrics';

/**
 * Labels while rules change them. Iterates as Prometheus' labels.Builder does, which `labelmap` shows when two names become
 * one: first the labels that came, by name, then those that were set, in the order of their first setting.
 */
export class LabelBuilder {
  readonly #base: Labels;
  /** None until something is set, so that rules which only look cost no copy. */
  #map: Map<string, string> | undefined;
  #set = new Set<string>();

  constructor(base: Labels) {
    this.#base = base;
  }

  /** The value, or '' when there is no such label. */
  get(name: string): string {
    return this.#map ? (this.#map.get(name) ?? '') : labelValue(this.#base, name);
  }

  /** An empty value takes the label away. */
  set(name: string, value: string): void {
    this.#map ??= labelMap(this.#base);
    if (value === '' || !this.#set.has(name)) this.#map.delete(name);
    if (value === '') {
      this.#set.delete(name);
    } else {
      this.#map.set(name, value);
      this.#set.add(name);
    }
  }

  /** As it stands now: setting while iterating is fine. */
  entries(): [name: string, value: string][] {
    return [...(this.#map ?? labelMap(this.#base))];
  }

  /** The labels that came, the same object, when nothing changed. */
  labels(): Labels {
    if (!this.#map) return this.#base;
    const made = sortedLabels(this.#map);
    return equalLabels(made, this.#base) ? this.#base : made;
  }
}
