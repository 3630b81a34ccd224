import { expect } from 'chai';
import { parse } from '#config';
import { type PrometheusConfig, prometheusConfig } from '#prometheus';

const read = (scrape: object): PrometheusConfig =>
  parse(prometheusConfig, { scrape_configs: [{ job_name: 'x', ...scrape }] });

describe('prometheus/config discoveries', () => {
  const kubernetes = (config: object) => ({ kubernetes_sd_configs: [config] });
  const refuses = (title: string, scrape: object, message: string) =>
    it(`refuses ${title}`, () => {
      expect(() => read(scrape)).to.throw(message);
    });

  it('has the defaults of Prometheus', () => {
    const [scrape] = read({
      dns_sd_configs: [{ names: ['a'] }],
      http_sd_configs: [{ url: 'http://a' }],
      kubernetes_sd_configs: [{ role: 'pod' }],
    }).scrapes;
    expect(scrape!.dnsSd[0]).to.deep.equal({ names: ['a'], type: 'SRV', port: undefined, refresh_interval: 30_000 });
    expect(scrape!.httpSd[0]).to.include({ url: 'http://a', refresh_interval: 60_000, follow_redirects: true });
    expect(scrape!.kubernetesSd[0]).to.deep.include({
      role: 'pod',
      selectors: [],
      namespaces: { own_namespace: false, names: [] },
      attach_metadata: { node: false, namespace: false, deployment: false, job: false, cronjob: false },
    });
  });

  it('takes a record type in any case', () => {
    expect(read({ dns_sd_configs: [{ names: ['a'], type: 'aaaa', port: 1 }] }).scrapes[0]!.dnsSd[0]!.type).to.equal(
      'AAAA',
    );
  });

  refuses(
    'a record type that no target comes from',
    { dns_sd_configs: [{ names: ['a'], type: 'TXT' }] },
    'must be one of SRV',
  );
  refuses('no names', { dns_sd_configs: [{ names: [] }] }, 'names: must not be empty');
  refuses('a URL that is none', { http_sd_configs: [{ url: 'file:///x' }] }, 'must begin with http:// or https://');
  refuses('a role that is none', kubernetes({ role: 'pods' }), 'did you mean pod?');
  refuses('no role', kubernetes({}), 'role: is missing');
  refuses(
    'two ways to the API server',
    kubernetes({ role: 'pod', api_server: 'https://a', kubeconfig_file: 'b' }),
    'kubeconfig_file: cannot be used together with api_server',
  );
  refuses(
    'client settings in the cluster',
    kubernetes({ role: 'pod', tls_config: { insecure_skip_verify: true } }),
    'tls_config: needs api_server',
  );
  refuses(
    'client settings besides a kubeconfig file',
    kubernetes({ role: 'pod', kubeconfig_file: 'a', follow_redirects: false }),
    'follow_redirects: cannot be used together with kubeconfig_file',
  );
  refuses(
    'the own namespace of an agent outside',
    kubernetes({ role: 'pod', api_server: 'https://a', namespaces: { own_namespace: true } }),
    'namespaces.own_namespace: cannot be used together with api_server',
  );
  refuses(
    'a selector for what the role does not look at',
    kubernetes({ role: 'node', selectors: [{ role: 'pod', label: 'a' }] }),
    'selectors[0].role: role node has selectors for node only, not for pod',
  );
  refuses(
    'two selectors for one role',
    kubernetes({
      role: 'pod',
      selectors: [
        { role: 'pod', label: 'a' },
        { role: 'pod', label: 'b' },
      ],
    }),
    'selectors[1].role: there is another selector for pod',
  );
  refuses(
    'a selector that the API server would refuse',
    kubernetes({ role: 'pod', selectors: [{ role: 'pod', label: 'a b' }] }),
    'selectors[0].label: is not a label selector',
  );
});
