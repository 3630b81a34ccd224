/**
 * A Retry-After header (RFC 9110 §10.2.3), seconds or an HTTP date, as milliseconds from `now`; undefined when there is
 * none, when it cannot be read, and when its time has passed.
 */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000 || undefined;
  // Only the form with GMT is an HTTP date; Date.parse would take much more.
  const at = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return at > now ? at - now : undefined;
}
