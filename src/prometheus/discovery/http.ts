import type { Clock } from '#clock';
import type { Logger } from '#component';
import { createHttpClient, shownUrl } from '#http';
import type { HttpSdConfig } from '../config/discoveries.ts';
import { httpClientOptions } from '../config/http-client.ts';
import { jsonTargetGroups } from './file.ts';
import { type Discovery, toGroup } from './groups.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { refreshing } from './refresh.ts';

export interface HttpDiscoveryParts {
  clock: Clock;
  log: Logger;
  metrics: DiscoveryMetrics;
  version: string;
}

/** The longest list that is taken: some 100,000 targets. */
const MAX_BODY = 32 * 1024 * 1024;
const JSON_TYPE = /^application\/json(;\s*charset=("utf-8"|utf-8))?$/i;

/** Target groups from a web server, in JSON (Prometheus' http_sd_config). When it fails, the last ones stay. */
export function httpDiscovery(config: HttpSdConfig, { clock, log, metrics, version }: HttpDiscoveryParts): Discovery {
  const interval = config.refresh_interval || 60_000;
  const client = createHttpClient(httpClientOptions(config, clock), clock);
  const headers = {
    'user-agent': `dnscol/${version}`,
    accept: 'application/json',
    'x-prometheus-refresh-interval-seconds': String(interval / 1000),
  };
  let last: string | undefined;
  let fault = '';

  async function fetch(signal: AbortSignal): Promise<string> {
    const request = { method: 'GET', url: new URL(config.url), headers, signal, maxBody: MAX_BODY };
    const { status, headers: got, body } = await client.request(request);
    if (status !== 200) throw new Error(`the server answered ${status}`);
    const type = got['content-type']?.trim() ?? '';
    if (!JSON_TYPE.test(type)) throw new Error(`the Content-Type is ${JSON.stringify(type.slice(0, 100))}, not JSON`);
    return body.toString();
  }

  return refreshing({
    clock,
    interval,
    async look(signal) {
      const text = await fetch(signal);
      const groups = text === last ? undefined : jsonTargetGroups(text);
      last = text;
      fault = '';
      return groups?.map((group, i) => toGroup(group, `${config.url}:${i}`, [['__meta_url', config.url]]));
    },
    onError(error) {
      metrics.httpFailures.add(1);
      const message = (error as Error).message;
      if (fault !== message) {
        const url = shownUrl(new URL(config.url));
        log.error('cannot fetch a list of targets; the last ones stay', { url, error });
      }
      fault = message;
    },
    close: () => client.close(),
  });
}
