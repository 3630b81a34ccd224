import type { HttpResponse } from '#http';
import type { WriteBody } from '#prometheus';

/** What the user can do about a refusal, in brackets, or nothing. An authenticator knows best why its credentials were refused. */
export function adviceOn({ status, advice }: HttpResponse, body: WriteBody): string {
  const words = advice ?? general(status, body);
  return words ? ` (${words})` : '';
}

function general(status: number, { version, bytes: { length } }: WriteBody): string {
  switch (status) {
    case 400:
      return version === 2 ? 'a receiver that knows only 1.0 may answer so: see protobuf_message' : '';
    case 401:
    case 403:
      return 'the receiver wants other credentials: see auth.authenticator and headers';
    case 404:
      return 'nothing takes remote write there: see endpoint';
    case 413:
      return `it takes no request of ${length} bytes: it is sent in halves; a lower max_batch_size_bytes spares the first attempt`;
    case 429:
      return 'the receiver limits what it takes: samples wait in the queue until there is room; if that lasts, send less or ask for a higher quota of samples a second or active series';
    case 415:
      return version === 2 ? '' : 'it does not take Remote Write 1.0: see protobuf_message';
    default:
      return '';
  }
}
