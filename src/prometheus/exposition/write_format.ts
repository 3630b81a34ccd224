import { ESCAPINGS, type Escaping } from './write_names.ts';

/** How a page is to be written, and the Content-Type that says so. */
export interface PageFormat {
  readonly openMetrics: boolean;
  readonly escaping: Escaping;
  readonly contentType: string;
}

/** An Accept header longer than this is read up to here: a reader that sends more gets the plain format. */
const MAX_ACCEPT = 4096;

interface Wish {
  type: string;
  parameters: ReadonlyMap<string, string>;
  quality: number;
}

/**
 * What to write for an Accept header, as client_golang's expfmt.Negotiate chooses: the wish of the highest quality that we
 * know, else text 0.0.4. OpenMetrics only where it is allowed.
 */
export function negotiateFormat(accept: string | undefined, allowOpenMetrics: boolean): PageFormat {
  for (const wish of wishes(accept ?? '')) {
    const version = wish.parameters.get('version') ?? '';
    const escaping = escapingOf(wish.parameters.get('escaping'));
    if (wish.type === 'text/plain' && (version === '' || version === '0.0.4' || version === '1.0.0')) {
      return textFormat(version || '0.0.4', escaping);
    }
    const openMetrics = wish.type === 'application/openmetrics-text' && allowOpenMetrics;
    if (openMetrics && (version === '' || version === '0.0.1' || version === '1.0.0')) {
      return openMetricsFormat(version || '0.0.1', escaping);
    }
  }
  return textFormat('0.0.4', 'underscores');
}

function textFormat(version: string, escaping: Escaping): PageFormat {
  const contentType = `text/plain; version=${version}; charset=utf-8; escaping=${escaping}`;
  return { openMetrics: false, escaping, contentType };
}

function openMetricsFormat(version: string, escaping: Escaping): PageFormat {
  const contentType = `application/openmetrics-text; version=${version}; charset=utf-8; escaping=${escaping}`;
  return { openMetrics: true, escaping, contentType };
}

function escapingOf(asked: string | undefined): Escaping {
  return ESCAPINGS.find((known) => known === asked) ?? 'underscores';
}

/** Best first; those of the same quality in the order of the header. */
function wishes(accept: string): Wish[] {
  return accept
    .slice(0, MAX_ACCEPT)
    .split(',')
    .map(wishOf)
    .filter((wish) => wish.quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

function wishOf(part: string): Wish {
  const [type = '', ...rest] = part.split(';').map((piece) => piece.trim().toLowerCase());
  const parameters = new Map(rest.map((piece) => piece.split('=', 2).map((side) => side.trim()) as [string, string]));
  const quality = Number(parameters.get('q') ?? '1');
  return { type, parameters, quality: quality >= 0 && quality <= 1 ? quality : 0 };
}
