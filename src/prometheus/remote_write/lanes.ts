import { labelValue, type Series } from '#metrics';

/** Which source a series is of. */
export function sourceOf({ labels }: Series): string {
  return `${labelValue(labels, 'job')} ${labelValue(labels, 'instance')}`;
}

/**
 * A series' lane depends on its own job and instance alone: whatever else comes and goes around it, and in whatever version
 * of the protocol it is sent, its samples stay behind one another.
 */
export function laneOf(series: Series, lanes: number): number {
  return lanes === 1 ? 0 : hash(sourceOf(series)) % lanes;
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}
