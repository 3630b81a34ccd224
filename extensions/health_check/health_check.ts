import { extension } from '#component';
import * as s from '#config';
import { createHttpServer, httpServerFields, httpServerOptions, listenAddress, type ServerAnswer } from '#http';
import { type HealthState, health } from './health.ts';

const config = s.object({
  ...httpServerFields,
  endpoint: s.withDefault(listenAddress(), 'localhost:13133', 'Where to listen: host:port.'),
  path: s.withDefault(
    s.string({ check: (path) => (/^\/[^?#\s]*$/.test(path) ? undefined : 'must begin with / and hold no ? or #') }),
    '/',
    'Where the answer is; with `/` it is everywhere.',
  ),
  response_body: s.optional(
    s.object({
      healthy: s.optional(s.string(), 'What to answer when ready, in place of the JSON.'),
      unhealthy: s.optional(s.string(), 'What to answer when not.'),
    }),
    '',
  ),
  check_collector_pipeline: s.deprecated(
    s.optional(s.anything('map'), 'Accepted.'),
    'it has no effect; a failed component always counts',
  ),
});

export default extension({
  type: 'health_check',
  summary: 'Answers 200 when all pipelines run, and 503 while starting, stopping or failed.',
  stability: 'beta',
  config,
  create(config, host) {
    const { onReady, onDraining, onStatus, state } = health(host.clock);
    const { healthy, unhealthy } = config.response_body ?? {};
    const server = createHttpServer(
      {
        ...httpServerOptions(config, host),
        handle({ path }) {
          if (config.path !== '/' && path !== config.path)
            return { status: 404, body: `not here: ask ${config.path}\n` };
          const now = state();
          return answerOf(now, now.healthy ? healthy : unhealthy);
        },
      },
      host.clock,
    );
    return {
      start: () => server.start(),
      stop: (signal) => server.stop(signal),
      address: () => `${config.tls ? 'https' : 'http'}://${server.address()}${config.path}`,
      onReady,
      onDraining,
      onStatus,
    };
  },
});

/** The Collector's words and keys, and the failed components. */
function answerOf({ healthy, upSince, uptime, failed }: HealthState, text: string | undefined): ServerAnswer {
  const status = healthy ? 200 : 503;
  if (text !== undefined) return { status, body: text };
  const body = {
    status: healthy ? 'Server available' : 'Server not available',
    upSince: upSince === undefined ? '0001-01-01T00:00:00Z' : new Date(upSince).toISOString(),
    uptime: upSince === undefined ? '' : s.formatDuration(Math.round(uptime)),
    ...(failed.length ? { failed } : {}),
  };
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
