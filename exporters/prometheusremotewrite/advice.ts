import type { HttpResponse } from '#http';

/**
 * What the user can do about a refusal, in brackets, or nothing. `length`: bytes of the request's body. An authenticator knows
 * best why its credentials were refused.
 */
export function adviceOn({ status, advice }: HttpResponse, length: number): string {
  const words = advice ?? general(status, length);
  return words ? ` (${words})` : '';
}

function general(status: number, length: number): string {
  switch (status) {
    case 401:
    case 403:
      return 'the receiver wants other credentials: see auth.authenticator and headers';
    case 413:
      return `it takes no request of ${length} bytes: it is sent in halves; a lower max_batch_size_bytes spares the first attempt`;
    case 429:
      return 'the receiver limits what it takes: samples wait in the queue until there is room; if that lasts, send less or ask for a higher quota of samples a second or active series';
    default:
      return '';
  }
}
