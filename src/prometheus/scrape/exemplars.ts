import type { Exemplar } from '#metrics';
import type { ParsedPage } from '../exposition/exposition.ts';

/** Code points that an exemplar's label names and values may have together: OpenMetrics' rule, and Prometheus'. */
const MOST = 128;

/** The page without exemplars that no storage takes; the same object when there are none. */
export function withoutLongExemplars(page: ParsedPage): ParsedPage {
  const { exemplars } = page;
  if (!exemplars?.some(isLong)) return page;
  return { ...page, exemplars: exemplars.filter((one) => !isLong(one)) };
}

function isLong({ labels }: Exemplar): boolean {
  let units = 0;
  for (const text of labels) units += text.length;
  // A code point has two units at most, and seldom more than one.
  if (units <= MOST) return false;
  let points = 0;
  for (const text of labels) for (const _ of text) points++;
  return points > MOST;
}
