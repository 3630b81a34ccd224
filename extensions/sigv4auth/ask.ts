import type { Clock } from '#clock';
import { type HttpClient, type HttpRequest, type HttpResponse, shownUrl } from '#http';
import { deadline } from '#kit';

const MAX_ANSWER = 256 * 1024;

/** One request in a time of its own. Whoever does not answer in it is named: nobody else tells of a private network's lack. */
export async function ask(client: HttpClient, clock: Clock, ms: number, request: HttpRequest): Promise<HttpResponse> {
  const limit = deadline(clock, ms, request.signal);
  try {
    return await client.request({ ...request, signal: limit.signal, maxBody: MAX_ANSWER });
  } catch (cause) {
    if (!limit.signal.aborted || request.signal.aborted) throw cause;
    throw new Error(`${shownUrl(request.url)} does not answer`, { cause });
  } finally {
    limit.end();
  }
}
