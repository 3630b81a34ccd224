/** prometheus/common's HTTP client configurations: what is refused, and who sees credentials over redirects. */
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { basename } from 'node:path';
import { expect } from 'chai';
import { type Issue, NOWHERE, nodeOf, parse, parseYaml } from '#config';
import { createHttpClient, type HttpClientOptions } from '#http';
import { httpClientOptions, prometheusConfig } from '#prometheus';
import { isDomainOrSubdomain } from '../../src/http/redirect.ts';
import { reported, rig, scrapeOf, stopRigs, target } from '../receivers/prometheus/rig.ts';
import { closeServers, httpServer } from '../support/servers.ts';
import { suite } from '../support/suites.ts';

const httpConfig = suite('http-config');

/** Issues of a scrape configuration that has these options beside its name. */
function issuesOf(
  options: ReadonlyMap<string, { keyPlace: typeof NOWHERE; value: ReturnType<typeof nodeOf> }>,
): Issue[] {
  const issues: Issue[] = [];
  const scrape = { kind: 'map', place: NOWHERE, entries: new Map(options) } as const;
  scrape.entries.set('job_name', { keyPlace: NOWHERE, value: nodeOf('test') });
  const list = { kind: 'list', place: NOWHERE, items: [scrape] } as const;
  const root = {
    kind: 'map',
    place: NOWHERE,
    entries: new Map([['scrape_configs', { keyPlace: NOWHERE, value: list }]]),
  } as const;
  const issue = (path: string, message: string, place: Issue['place']) => issues.push({ path, message, place });
  prometheusConfig.read(root, '', { issue, warn() {} });
  return issues;
}

interface HostCase {
  sub: string;
  parent: string;
  keep_credentials: boolean;
}
interface RedirectCase {
  name: string;
  chain: string[];
  auth?: string;
  headers?: Record<string, string>;
  authorization_seen?: boolean[];
  cookie_seen?: boolean[];
  expected?: string;
}

/** As a scrape configuration makes them. No such configuration signs by sigv4: there an authenticator stands in. */
async function clientOptions(auth: string | undefined, headers: RedirectCase['headers']): Promise<HttpClientOptions> {
  const authenticate = async () => ({ authorization: 'AWS4-HMAC-SHA256 secret', ...headers });
  if (auth === undefined || auth === 'sigv4') return { followRedirects: true, authenticator: { authenticate } };
  const token = await httpServer((_req, res) => res.end(JSON.stringify({ access_token: 'secret' })));
  const section = {
    bearer: { bearer_token: 'secret' },
    basic: { basic_auth: { username: 'u', password: 'secret' } },
    oauth2: { oauth2: { client_id: 'u', client_secret: 's', token_url: `http://127.0.0.1:${token.port}/` } },
  }[auth];
  const config = parse(prometheusConfig, { scrape_configs: [{ job_name: 'a', ...section }] });
  return httpClientOptions(config.scrapes[0]!.http);
}

describe('the http-config suite', () => {
  afterEach(async () => {
    await stopRigs();
    await closeServers();
  });

  for (const { file } of httpConfig.json<{ file: string }[]>('invalid-http-client-configs.json')) {
    httpConfig.holds(`refuses ${basename(file)}`, () => {
      const { root } = parseYaml(readFileSync(httpConfig.path(file), 'utf8'), file);
      const issues = root?.kind === 'map' ? issuesOf(root.entries) : [];
      expect(issues).not.to.deep.equal([]);
      expect(JSON.stringify(issues)).not.to.include('mysecret');
    });
  }

  // A TLS section alone, and formats other than YAML, are not HTTP client configurations as they stand.
  const good = readdirSync(httpConfig.path('testdata')).filter((name) => /^http\.conf\..*good\.ya?ml$/.test(name));
  for (const file of good) {
    httpConfig.holds(`takes ${file}`, () => {
      const { root } = parseYaml(readFileSync(httpConfig.path('testdata', file), 'utf8'), file);
      const issues = root?.kind === 'map' ? issuesOf(root.entries) : undefined;
      expect(issues).to.deep.equal([]);
    });
  }

  for (const name of httpConfig.json<string[]>('reserved-headers.json')) {
    httpConfig.holds(`refuses the header ${name}`, () => {
      const headers = nodeOf({ http_headers: { [name]: { values: ['x'] } } });
      if (headers.kind !== 'map') throw new Error('not a map');
      expect(issuesOf(headers.entries).map(({ message }) => message)).to.deep.equal([
        'is a header that may not be set here',
      ]);
    });
  }

  const { cases } = httpConfig.json<{ cases: RedirectCase[] }>('redirects.json');
  for (const { name, chain, auth, headers, authorization_seen, cookie_seen } of cases.filter(
    (one) => one.chain.length > 1,
  )) {
    httpConfig.holds(`redirects: ${name}`, async () => {
      const seen: IncomingMessage['headers'][] = [];
      const next: string[] = [];
      const servers = await Promise.all(
        chain.map((_host, hop) =>
          httpServer((req: IncomingMessage, res: ServerResponse) => {
            seen.push(req.headers);
            if (hop + 1 < chain.length) res.writeHead(302, { location: next[hop] }).end();
            else res.end('a 1\n');
          }),
        ),
      );
      const urls = chain.map((host, hop) => `http://${host.split(':')[0]}:${servers[hop]!.port}/`);
      next.push(...urls.slice(1));
      const client = createHttpClient(await clientOptions(auth, headers));
      const signal = new AbortController().signal;
      await client.request({ method: 'GET', url: new URL(urls[0]!), signal });
      client.close();
      if (authorization_seen)
        expect(seen.map((one) => one.authorization !== undefined)).to.deep.equal(authorization_seen);
      if (cookie_seen) expect(seen.map((one) => one.cookie !== undefined)).to.deep.equal(cookie_seen);
    });
  }

  for (const { name, expected } of cases.filter((one) => one.chain.length === 1)) {
    httpConfig.holds(`redirects: ${name}`, async () => {
      expect(expected).to.equal('302 is a failed scrape');
      const [moved, elsewhere] = [await target(), await target('a 1\n')];
      moved.status = 302;
      moved.headers = { location: `http://${elsewhere.address}/` };
      const { scrape } = await rig([scrapeOf([moved], { follow_redirects: false })]);
      expect(reported(await scrape()).up).to.equal(0);
      expect(elsewhere.requests).to.have.length(0);
    });
  }

  const hosts = httpConfig.json<{ is_domain_or_subdomain: HostCase[] }>('redirects.json').is_domain_or_subdomain;
  for (const { sub, parent, keep_credentials } of hosts) {
    httpConfig.holds(`${keep_credentials ? 'keeps' : 'drops'} credentials of ${parent} on ${sub}`, () => {
      expect(isDomainOrSubdomain(sub, parent)).to.equal(keep_credentials);
    });
  }

  httpConfig.listIsCurrent();
});
