import type { ScrapeLimits } from '../config/config.ts';
import { ScrapeError } from './labels.ts';
import { RefusedPage } from './sorting.ts';

/**
 * Samples on a page where nothing is set. 16 MiB hold a million, and the first look at one costs as much memory and time as
 * all else together; pages of honest targets, with lines of eighty bytes, have fewer than this in 16 MiB.
 */
export const DEFAULT_PAGE_SAMPLES = 200_000;

/** Relabelling may drop most of a page before sample_limit counts. A page so many times over it is not looked at. */
const OVER = 10;

const LINE_FEED = 0x0a;
const HASH = 0x23;

/**
 * Refuses a text page with too many samples before any of it is read: by its lines. A body_size_limit of the user's own lifts
 * the bound that nobody set.
 */
export function checkCrowd(body: Uint8Array, limits: ScrapeLimits): void {
  const most = mostSamples(limits);
  // No sample is shorter than `a 1` and its line feed.
  if (body.length < 4 * most) return;
  if (hasMoreLines(body, most)) throw tooMany(most + 1, limits);
}

function tooMany(scraped: number, limits: ScrapeLimits): RefusedPage {
  const most = mostSamples(limits);
  const counts = { scraped, kept: 0, added: 0 };
  const allowed = limits.samples > 0 ? `limit: ${limits.samples}` : `${most} are taken where no body_size_limit is set`;
  return new RefusedPage(
    new ScrapeError('sample_limit', `sample_limit exceeded (samples on the page: ${scraped} or more, ${allowed})`),
    counts,
  );
}

/** The same bound for pages that are not made of lines: as far as they were read. */
export const crowdOf = (limits: ScrapeLimits) => ({
  most: mostSamples(limits),
  refusal: (samples: number): Error => tooMany(samples, limits),
});

function mostSamples({ samples, bodySize }: ScrapeLimits): number {
  if (samples > 0) return Math.max(OVER * samples, DEFAULT_PAGE_SAMPLES);
  return bodySize === undefined ? DEFAULT_PAGE_SAMPLES : Number.POSITIVE_INFINITY;
}

/** Whether more than `most` lines are neither empty nor begin with `#`. Looks no further: this is time that others wait. */
function hasMoreLines(body: Uint8Array, most: number): boolean {
  let lines = 0;
  let before = LINE_FEED;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i]!;
    if (before === LINE_FEED && byte !== LINE_FEED && byte !== HASH && ++lines > most) return true;
    before = byte;
  }
  return false;
}
