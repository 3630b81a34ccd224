import { extension } from '#component';
import { createHttpClient } from '#http';
import { environment } from '#kit';
import { createKeys } from './keys.ts';
import { type Config, config } from './options.ts';
import { createSigning } from './signing.ts';
import { createSkew } from './skew.ts';

export default extension<Config>({
  type: 'sigv4auth',
  summary: 'Signs requests to AWS, such as to Amazon Managed Service for Prometheus.',
  stability: 'beta',
  config,
  create(options, host) {
    const { clock } = host;
    const surroundings = {
      environment: environment(),
      clock,
      skew: createSkew(clock),
      client: createHttpClient({ keepAlive: false, proxyFromEnvironment: true }, clock),
      local: createHttpClient({ keepAlive: false }, clock),
    };
    const keys = createKeys(options, host, surroundings);
    return {
      authenticator: createSigning(options, host, surroundings, keys),
      async stop() {
        keys.stop();
        surroundings.client.close();
        surroundings.local.close();
      },
    };
  },
});
