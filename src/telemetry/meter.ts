import type { Attributes, Counter, HistogramInstrument, InstrumentOptions, Meter } from '#component';

export interface Point {
  readonly value: number;
  readonly attributes: Attributes;
}

/** All instruments of one name. */
export interface InstrumentFamily {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly unit: string;
  readonly boundaries?: readonly number[];
  /** The points of a counter or gauge right now; same attributes are added up. */
  read(): Point[];
  /** Takes what a histogram records, once the SDK is there. */
  sink?: ((value: number, attributes: Attributes) => void) | undefined;
}

interface Family extends InstrumentFamily {
  readonly instruments: Set<{ attributes: Attributes; read: () => number | undefined }>;
}

/**
 * The agent's own instruments. Counting is an addition to a plain number; whoever exposes the numbers (the SDK, a test)
 * reads them when it collects, and where nobody does they cost nothing more.
 */
export class MeterRegistry {
  readonly #families = new Map<string, Family>();
  #onFamily: (family: InstrumentFamily) => void = () => {};

  /** Tells of every family, those that are there and those to come. */
  watch(onFamily: (family: InstrumentFamily) => void): void {
    this.#onFamily = onFamily;
    for (const family of this.#families.values()) onFamily(family);
  }

  families(): InstrumentFamily[] {
    return [...this.#families.values()];
  }

  /** The sum over all points of that name whose attributes match; undefined when there is none. */
  value(name: string, attributes: Attributes = {}): number | undefined {
    const points = (this.#families.get(name)?.read() ?? []).filter((p) =>
      Object.entries(attributes).every(([key, value]) => p.attributes[key] === value),
    );
    return points.length ? points.reduce((sum, p) => sum + p.value, 0) : undefined;
  }

  /** A meter whose instruments carry `fixed` and go when it is closed. Counters of equal name and attributes are one. */
  scope(fixed: Attributes): { meter: Meter; close: () => void } {
    const closers: (() => void)[] = [];
    const counters = new Map<string, Counter>();
    const add = (family: Family, attributes: Attributes, read: () => number | undefined) => {
      const instrument = { attributes, read };
      family.instruments.add(instrument);
      closers.push(() => family.instruments.delete(instrument));
    };
    const meter: Meter = {
      counter: (name, options = {}) => {
        const attributes = { ...fixed, ...options.attributes };
        const key = `${name} ${JSON.stringify(Object.entries(attributes).sort())}`;
        const known = counters.get(key);
        if (known) return known;
        const counter = countUp();
        counters.set(key, counter);
        add(this.#family(name, 'counter', options), attributes, () => counter.value);
        return counter;
      },
      observableCounter: (name, read, options = {}) => {
        add(this.#family(name, 'counter', options), { ...fixed, ...options.attributes }, read);
      },
      gauge: (name, read, options = {}) => {
        add(this.#family(name, 'gauge', options), { ...fixed, ...options.attributes }, read);
      },
      histogram: (name, options = {}): HistogramInstrument => {
        const family = this.#family(name, 'histogram', options);
        const attributes = { ...fixed, ...options.attributes };
        return { record: (value) => family.sink?.(value, attributes) };
      },
    };
    return { meter, close: () => closers.forEach((close) => void close()) };
  }

  #family(
    name: string,
    kind: InstrumentFamily['kind'],
    options: InstrumentOptions & { boundaries?: number[] },
  ): Family {
    const known = this.#families.get(name);
    if (known) {
      if (known.kind !== kind) throw new Error(`${name} is a ${known.kind} already, not a ${kind}`);
      return known;
    }
    const instruments: Family['instruments'] = new Set();
    const family: Family = {
      name,
      kind,
      help: options.help ?? '',
      unit: options.unit ?? '',
      ...(options.boundaries ? { boundaries: options.boundaries } : {}),
      instruments,
      read: () => readAll(instruments),
    };
    this.#families.set(name, family);
    this.#onFamily(family);
    return family;
  }
}

function countUp(): Counter {
  let value = 0;
  return {
    add(n) {
      value += n;
    },
    get value() {
      return value;
    },
  };
}

function readAll(instruments: Family['instruments']): Point[] {
  const points = new Map<string, { value: number; attributes: Attributes }>();
  for (const { attributes, read } of instruments) {
    const value = read();
    if (value === undefined) continue;
    const key = JSON.stringify(Object.entries(attributes).sort());
    const known = points.get(key);
    if (known) known.value += value;
    else points.set(key, { value, attributes });
  }
  return [...points.values()];
}
