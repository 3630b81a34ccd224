import type { Clock } from '#clock';
import type { HttpClient } from '#http';
import { deadline, poll } from '#kit';
import type { Discovery, TargetGroup } from '#prometheus';
import type { Page } from './endpoints.ts';

interface Parts {
  readonly client: HttpClient;
  readonly clock: Clock;
  readonly pages: readonly Page[];
  /** Milliseconds. */
  readonly interval: number;
  readonly timeout: number;
  readonly userAgent: string;
  found(page: Page): void;
}

/** Series that only these servers have. The same ports serve other things, too: AKS' localdns exporter has :9353. */
const OURS = /^(?:coredns|skydns|kubedns)_/m;
const MOST_BODY = 1 << 20;

/** One target, as a group of its own because each page may have another path. */
export function groupOf({ kind, url }: Page, job: string | undefined): TargetGroup {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return {
    source: `endpoint ${url.href}`,
    targets: [new Map([['__address__', `${url.hostname}:${port}`]])],
    labels: new Map([
      ['job', job ?? kind],
      ['__scheme__', url.protocol.slice(0, -1)],
      ['__metrics_path__', url.pathname],
    ]),
  };
}

/** Looks for pages in their usual places, once a collection. What was found once is kept: when it dies, that must show. */
export function findPages(parts: Parts, job: string | undefined): Discovery {
  const stopping = new AbortController();
  const found = new Set<Page>();

  async function look(update: (groups: readonly TargetGroup[]) => void): Promise<void> {
    const missing = parts.pages.filter((page) => !found.has(page));
    const here = await Promise.all(missing.map((page) => isThere(page, parts, stopping.signal)));
    const fresh = missing.filter((_, i) => here[i]);
    for (const page of fresh) {
      found.add(page);
      parts.found(page);
    }
    if (fresh.length && !stopping.signal.aborted) update([...found].map((page) => groupOf(page, job)));
  }

  let rounds: ReturnType<typeof poll> | undefined;
  return {
    async start(update) {
      await look(update);
      const { clock, interval } = parts;
      rounds = poll({ clock, interval, initialDelay: interval, round: () => look(update), onError: () => {} });
      if (!stopping.signal.aborted) rounds.start();
    },
    async stop() {
      stopping.abort(new Error('the receiver is stopping'));
      await rounds?.stop();
    },
  };
}

async function isThere({ url }: Page, parts: Parts, signal: AbortSignal): Promise<boolean> {
  const within = deadline(parts.clock, parts.timeout, signal);
  try {
    const { status, body } = await parts.client.request({
      method: 'GET',
      url,
      headers: { accept: 'text/plain', 'user-agent': parts.userAgent },
      signal: within.signal,
      maxBody: MOST_BODY,
      truncateBody: true,
    });
    return status === 200 && OURS.test(body.toString('latin1'));
  } catch {
    return false;
  } finally {
    within.end();
  }
}
