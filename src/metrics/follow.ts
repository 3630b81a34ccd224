/** So far ahead an item is looked for among the earlier ones: a label that goes takes a histogram's lines along. */
const AHEAD = 32;

/**
 * Where each item of `now` stood in `before`: an index, or -1 for what is new. Sources keep their order and change in a few
 * places, so both lists are walked together, and only what has no partner then is looked up. An item that is listed twice is
 * followed as often as `before` has it.
 */
export function follow(before: readonly object[], now: readonly object[]): Int32Array {
  const places = new Int32Array(now.length);
  const lost: number[] = [];
  let fresh = 0;
  let at = 0;
  for (let i = 0; i < now.length; i++) {
    const step = isFresh(before, at, now, i) ? -1 : ahead(before, at, now[i]!);
    if (step < 0) {
      places[i] = -1;
      fresh++;
      continue;
    }
    for (const end = at + step; at < end; at++) lost.push(at);
    places[i] = at++;
  }
  for (; at < before.length; at++) lost.push(at);
  if (fresh > 0 && lost.length > 0) findMoved(before, now, places, lost);
  return places;
}

/** An item with another in its place, or put in between, while what comes next goes on as before. */
function isFresh(before: readonly object[], at: number, now: readonly object[], i: number): boolean {
  if (i + 1 >= now.length || at + 1 >= before.length || now[i] === before[at]) return false;
  return now[i + 1] === before[at] || now[i + 1] === before[at + 1];
}

function ahead(before: readonly object[], from: number, item: object): number {
  const most = Math.min(AHEAD, before.length - from);
  for (let step = 0; step < most; step++) if (before[from + step] === item) return step;
  return -1;
}

function findMoved(
  before: readonly object[],
  now: readonly object[],
  places: Int32Array,
  lost: readonly number[],
): void {
  const standing = new Map<object, number>();
  for (const at of lost) standing.set(before[at]!, at);
  for (let i = 0; i < places.length; i++) {
    if (places[i]! >= 0) continue;
    const at = standing.get(now[i]!);
    if (at === undefined) continue;
    places[i] = at;
    standing.delete(now[i]!);
  }
}
