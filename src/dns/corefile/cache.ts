import { parseDuration } from '#config';
import type { ServerBlock } from './parse.ts';
import { argumentsOf, option, type Stanza, stanzas } from './stanza.ts';
import { duration, wholeNumber } from './values.ts';

/** The positive or the negative half of a cache. Times in milliseconds; undefined: given, but no such value. */
export interface CacheHalf {
  /** Answers held at most, before CoreDNS rounds it for its 256 shards. */
  readonly capacity: number | undefined;
  readonly maxTtl: number | undefined;
  readonly minTtl: number | undefined;
}

/** A `cache` stanza, with CoreDNS's defaults for what it does not say. */
export interface Cache {
  readonly zones: readonly string[];
  readonly success: CacheHalf;
  readonly denial: CacheHalf;
  /** How long a SERVFAIL is kept; 0: not at all. */
  readonly servfail: number | undefined;
  /** Absent unless stale answers are served. */
  readonly serveStale?: { readonly duration: number | undefined; readonly mode: string };
  /** Absent unless popular names are asked again before they run out. */
  readonly prefetch?: {
    readonly amount: number | undefined;
    readonly duration: number | undefined;
    readonly percentage: number | undefined;
  };
  readonly keepTtl: boolean;
  readonly stanza: Stanza;
}

/** `cache.defaultCap`, `maxTTL`, `maxNTTL`, `minTTL` and `minNTTL` of CoreDNS's plugin/cache. */
const CAPACITY = 9984;
const MAX_TTL = 3_600_000;
const MAX_NEGATIVE_TTL = 1_800_000;
const MIN_TTL = 5000;
const HOUR = 3_600_000;

/** The block's cache; undefined without one. CoreDNS allows one a block. */
export function readCache(block: ServerBlock): Cache | undefined {
  const [stanza] = stanzas(block.directives.get('cache'));
  if (!stanza) return undefined;
  const args = argumentsOf(stanza);
  const ttl = seconds(args[0]);
  const stale = option(stanza, 'serve_stale')?.args.map(({ text }) => text);
  const prefetch = option(stanza, 'prefetch')?.args.map(({ text }) => text);
  return {
    zones: ttl === undefined ? args : args.slice(1),
    success: readHalf(stanza, 'success', ttl ?? MAX_TTL),
    denial: readHalf(stanza, 'denial', ttl ?? MAX_NEGATIVE_TTL),
    servfail: duration(stanza, 'servfail', MIN_TTL),
    ...(stale && {
      serveStale: {
        duration: stale[0] === undefined ? HOUR : parseDuration(stale[0]),
        mode: stale[1]?.toLowerCase() ?? 'immediate',
      },
    }),
    ...(prefetch && {
      prefetch: {
        amount: wholeNumber(prefetch[0]),
        duration: prefetch[1] === undefined ? 60_000 : parseDuration(prefetch[1]),
        percentage: prefetch[2] === undefined ? 10 : wholeNumber(prefetch[2].replace(/%$/, '')),
      },
    }),
    keepTtl: option(stanza, 'keepttl') !== undefined,
    stanza,
  };
}

function readHalf(stanza: Stanza, name: 'success' | 'denial', ttl: number): CacheHalf {
  const args = option(stanza, name)?.args.map(({ text }) => text);
  return {
    capacity: args ? wholeNumber(args[0]) : CAPACITY,
    maxTtl: args?.[1] === undefined ? ttl : seconds(args[1]),
    minTtl: args?.[2] === undefined ? MIN_TTL : seconds(args[2]),
  };
}

function seconds(text: string | undefined): number | undefined {
  const value = wholeNumber(text);
  return value === undefined ? undefined : value * 1000;
}
