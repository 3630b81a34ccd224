import type { Clock } from '#clock';

/**
 * Calls at moments of the monotonic clock, all that are due in one millisecond together: a process that wakes up once for
 * ten scrapes does them for half of what ten wake-ups cost, because its code and data are then in the processor's caches.
 */
export interface Timetable {
  /**
   * Returns the way to cancel it. What `run` answers is done in its turn, five to one of the event loop's. A `first` time costs
   * much more than those that follow: one goes ahead alone, and before the next five what came of it gets time, at an agent's
   * start its first push.
   */
  at(due: number, run: Due, first?: boolean): () => void;
}

export type Due = () => (() => void) | undefined;

/** A thousand connections that are opened in one turn of the event loop would hold up everything else for a while. */
const AT_ONCE = 5;
/** Milliseconds: answers that are on their way come before the next are asked for. */
const PAUSE = 4;

interface Slot {
  runs: Set<Due>;
  first: boolean;
  cancel: () => void;
}

const tables = new WeakMap<Clock, Timetable>();

/** One for all who share a clock. */
export function timetableOf(clock: Clock): Timetable {
  let table = tables.get(clock);
  if (!table) {
    table = makeTimetable(clock);
    tables.set(clock, table);
  }
  return table;
}

function makeTimetable(clock: Clock): Timetable {
  const slots = new Map<number, Slot>();

  function open(moment: number): Slot {
    const call = () => {
      slots.delete(moment);
      const work = [...slot.runs].map((run) => run());
      if (slot.first) fewAtATime(work, 1, (rest) => clock.after(PAUSE, rest));
      else fewAtATime(work, AT_ONCE, setImmediate);
    };
    const slot = {
      runs: new Set<Due>(),
      first: false,
      cancel: clock.after(Math.max(0, moment - clock.monotonic()), call),
    };
    slots.set(moment, slot);
    return slot;
  }

  return {
    at(due, run, first = false) {
      const moment = Math.round(due);
      const slot = slots.get(moment) ?? open(moment);
      slot.runs.add(run);
      slot.first ||= first;
      return () => {
        if (!slot.runs.delete(run) || slot.runs.size > 0 || slots.get(moment) !== slot) return;
        slots.delete(moment);
        slot.cancel();
      };
    },
  };
}

function fewAtATime(work: readonly ReturnType<Due>[], count: number, later: (rest: () => void) => unknown): void {
  for (const one of work.slice(0, count)) one?.();
  if (work.length > count) later(() => fewAtATime(work.slice(count), AT_ONCE, later));
}
