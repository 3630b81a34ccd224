/**
 * Reading what can be read of a section with faults in it, so that rules across options are checked although other options
 * are faulty, and everything there is to mend is reported at once.
 */
import type { Report } from './issue.ts';
import type { ConfigNode } from './node.ts';
import { INVALID, type Invalid, type Schema } from './schema.ts';

/** A value of which some parts are missing: looking at one of those throws `Unread`. */
export class Partly<T> {
  readonly value: T;
  constructor(value: T) {
    this.value = value;
  }
}

class Unread extends Error {}

type Read<T> = Schema<T>['read'];
type ReadPartly<T> = (node: ConfigNode, path: string, report: Report) => T | Invalid | Partly<T>;

/** Kept by the read function itself: a schema that is spread and given another `read` must not inherit this one. */
const READERS = new WeakMap<Read<unknown>, ReadPartly<unknown>>();

/** The `read` of a schema that gives INVALID for what `read` gives in part, and the part to those who ask with `readPartly`. */
export function partlyReadable<T>(read: ReadPartly<T>): Read<T> {
  const whole: Read<T> = (node, path, report) => {
    const got = read(node, path, report);
    return got instanceof Partly ? INVALID : got;
  };
  READERS.set(whole, read);
  return whole;
}

export function readPartly<T>(schema: Schema<T>, node: ConfigNode, path: string, report: Report) {
  const read = (READERS.get(schema.read) ?? schema.read) as ReadPartly<T>;
  return read(node, path, report);
}

/** Puts what was read into an object or a list, in its order. False when something of it is missing. */
export function put(into: object, key: string | number, got: unknown): boolean {
  if (got === INVALID) {
    const get = (): never => {
      throw new Unread(`${key} could not be read`);
    };
    Object.defineProperty(into, key, { get, enumerable: true });
    return false;
  }
  const value = got instanceof Partly ? got.value : got;
  Object.defineProperty(into, key, { value, enumerable: true, writable: true, configurable: true });
  return !(got instanceof Partly);
}

/** Runs a rule, as far as the options that it looks at could be read. */
export function whereRead(rule: () => void): void {
  try {
    rule();
  } catch (error) {
    if (!(error instanceof Unread)) throw error;
  }
}
