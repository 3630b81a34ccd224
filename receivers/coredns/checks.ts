import type { Clock } from '#clock';
import type { HttpClient, HttpResponse } from '#http';
import { deadline, Gathering } from '#kit';
import { type Batch, type Labels, labelValue, type Resource } from '#metrics';
import type { Check } from './endpoints.ts';
import { HEALTH, NOT_READY, READY } from './metrics.ts';

interface Parts {
  readonly client: HttpClient;
  readonly clock: Clock;
  readonly checks: readonly Check[];
  /** Milliseconds. */
  readonly timeout: number;
  readonly userAgent: string;
  /** Labels of the target that the checks are about; `job` and `instance` are taken. */
  readonly labels: Labels;
  readonly resource: Resource;
}

/** The most plugins to name, and the most of an answer to read: CoreDNS itself has some sixty plugins. */
const MOST_PLUGINS = 64;
const MOST_BODY = 4096;

/** Asks one server's readiness and health endpoints, all at once. */
export class Checks {
  readonly #parts: Parts;
  readonly #gathering: Gathering;
  readonly #answered = new Set<Check>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#gathering = new Gathering(parts.resource);
  }

  /** The gauges of `time`, and marks for those that were there before. Never rejects. */
  async ask(time: number, signal: AbortSignal): Promise<Batch> {
    const { checks, labels } = this.#parts;
    const common = { job: labelValue(labels, 'job'), instance: labelValue(labels, 'instance') };
    const answers = await Promise.all(checks.map((check) => this.#answer(check, signal)));
    // What was cut off says nothing about the server.
    if (signal.aborted) return [];
    checks.forEach((check, i) => {
      const answer = answers[i];
      if (answer) this.#answered.add(check);
      else if (check.guessed && !this.#answered.has(check)) return;
      const good = answer?.status === 200 ? 1 : 0;
      if (check.metric === 'health') {
        this.#gathering.add(HEALTH, { ...common, container: check.container ?? '' }, good);
        return;
      }
      this.#gathering.add(READY, common, good);
      for (const plugin of answer ? waitedFor(answer) : []) this.#gathering.add(NOT_READY, { ...common, plugin }, 1);
    });
    return this.#gathering.finish(time);
  }

  /** Undefined when there is no answer. */
  async #answer({ url }: Check, signal: AbortSignal): Promise<HttpResponse | undefined> {
    const { client, clock, timeout, userAgent } = this.#parts;
    const within = deadline(clock, timeout, signal);
    try {
      const headers = { 'user-agent': userAgent };
      return await client.request({
        method: 'GET',
        url,
        headers,
        signal: within.signal,
        maxBody: MOST_BODY,
        truncateBody: true,
      });
    } catch {
      return undefined;
    } finally {
      within.end();
    }
  }
}

/** CoreDNS' plugin `ready` answers 503 with the names of the plugins that are not, between commas. */
function waitedFor({ status, body }: HttpResponse): string[] {
  if (status !== 503) return [];
  return body
    .toString('latin1')
    .split(/[\s,]+/)
    .filter((word) => /^[a-z][a-z0-9_]{0,31}$/.test(word))
    .slice(0, MOST_PLUGINS);
}
