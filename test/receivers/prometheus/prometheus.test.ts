import { expect } from 'chai';
import { parse } from '#config';
import prometheus from '../../../receivers/prometheus/prometheus.ts';
import { receiverContract } from '../../contract/receiver.ts';
import { HOUR, scrapeOf, target } from './rig.ts';

describe('receivers/prometheus', () => {
  receiverContract(
    prometheus,
    async () => {
      const page = await target('a 1\nb{x="1"} 2\n');
      return {
        config: {
          config: { global: { scrape_interval: '1h', scrape_timeout: '1h' }, scrape_configs: [scrapeOf([page])] },
        },
        interval: HOUR,
        vanish() {
          page.body = 'a 1\n';
        },
        hang() {
          page.answer = () => {};
        },
        close: () => page.close(),
      };
    },
    { hangs: true },
  );

  const refuses = (title: string, options: object, issue: string) =>
    it(`${title} is refused`, () => {
      expect(() => parse(prometheus.config, { config: {}, ...options })).to.throw(issue);
    });

  refuses('no config', { config: undefined }, 'config: must have a value');
  refuses('a target allocator', { target_allocator: { endpoint: 'x' } }, 'target_allocator: is not supported');
  refuses('an API server', { api_server: { enabled: true } }, 'api_server.enabled: is not supported');
  refuses('trimmed suffixes', { trim_metric_suffixes: true }, 'trim_metric_suffixes: is not supported');

  it('takes the keys of the Collector that change nothing', () => {
    const config = { config: {}, discovery_reload_on_startup: true, api_server: { enabled: false } };
    expect(parse(prometheus.config, config)).to.include({ discovery_reload_on_startup: true });
  });
});
