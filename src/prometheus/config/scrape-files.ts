import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import * as s from '#config';
import { globLastSync } from '../discovery/glob.ts';
import type { HttpClientConfig } from './http-client.ts';
import type { TransportConfig } from './http-transport.ts';
import { resolveScrape, type ScrapeConfig } from './resolve.ts';
import { checkAll, type PrometheusConfig, prometheusSections, scrapeConfigFile } from './sections.ts';

/**
 * The sections, and the files of `scrape_config_files` with them: what is wrong in one of those is reported at its own file
 * and line.
 */
export const prometheusConfig: s.Schema<PrometheusConfig> = {
  ...prometheusSections,
  read: s.partlyReadable((node, path, report) => {
    const got = s.readPartly(prometheusSections, node, path, report);
    if (got === s.INVALID || got instanceof s.Partly) return got;
    let sound = true;
    const issue: s.Report['issue'] = (...told) => {
      sound = false;
      report.issue(...told);
    };
    try {
      readAll(got, { ...report, issue });
    } catch (error) {
      issue(s.join(path, 'scrape_config_files'), messageOf(error), node.place);
    }
    return sound ? got : s.INVALID;
  }),
};

const messageOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
};

/**
 * The scrape configurations in the files of `scrape_config_files`, completed from the configuration's `global`. Their own
 * relative paths of target files begin in the folder of the file they stand in, as in Prometheus. Throws a ConfigError that
 * names every fault at its file and line.
 */
export function readScrapeFiles(config: PrometheusConfig): ScrapeConfig[] {
  const issues: s.Issue[] = [];
  const issue: s.Report['issue'] = (inner, message, place) => {
    issues.push({ path: `${place.file}:${place.line}:${place.column}: ${inner}`, message, place });
  };
  const all = readAll(config, { issue, warn: () => {} });
  if (issues.length > 0) throw new s.ConfigError(issues);
  return all;
}

function readAll(config: PrometheusConfig, report: s.Report): ScrapeConfig[] {
  const jobs = new Set(config.scrapes.map((scrape) => scrape.job));
  return config.scrapeFiles.flatMap(globLastSync).flatMap((path) => readOne(textOf(path), path, config, jobs, report));
}

/** A file that is not there holds nothing, as a pattern that matches none. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new Error(`cannot read the scrape configurations in ${path}`, { cause });
  }
}

function readOne(
  text: string,
  path: string,
  { global }: PrometheusConfig,
  jobs: Set<string>,
  report: s.Report,
): ScrapeConfig[] {
  const parsed = s.parseYaml(text, path);
  for (const { path: inner, message, place } of parsed.issues) report.issue(inner, message, place);
  const root = parsed.root ?? s.nodeOf(null);
  const written = s.check(scrapeConfigFile, ({ scrape_configs }, complain) =>
    checkAll(scrape_configs, global, jobs, complain),
  );
  const got = written.read(root, '', report);
  if (got === s.INVALID) return [];
  return got.scrape_configs.map((scrape) => fromFolder(resolveScrape(scrape, global), dirname(path)));
}

/** What names files, relative to `folder`. */
function fromFolder(scrape: ScrapeConfig, folder: string): ScrapeConfig {
  const at = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  const maybe = (path: string | undefined) => (path ? at(path) : path);
  return {
    ...scrape,
    files: scrape.files.map((one) => ({ ...one, files: one.files.map(at) })),
    httpSd: scrape.httpSd.map((one) => ({ ...one, ...clientFromFolder(one, at) })),
    kubernetesSd: scrape.kubernetesSd.map((one) => ({
      ...one,
      ...clientFromFolder(one, at),
      kubeconfig_file: maybe(one.kubeconfig_file),
    })),
    http: clientFromFolder(scrape.http, at),
  };
}

function clientFromFolder(client: HttpClientConfig, at: (path: string) => string): HttpClientConfig {
  const maybe = (path: string | undefined) => (path ? at(path) : path);
  const { basic_auth, authorization, oauth2, bearer_token_file, http_headers } = client;
  const tls = ({ tls_config }: TransportConfig) =>
    tls_config && {
      ...tls_config,
      ca_file: maybe(tls_config.ca_file),
      cert_file: maybe(tls_config.cert_file),
      key_file: maybe(tls_config.key_file),
    };
  return {
    ...client,
    bearer_token_file: maybe(bearer_token_file),
    basic_auth: basic_auth && {
      ...basic_auth,
      username_file: maybe(basic_auth.username_file),
      password_file: maybe(basic_auth.password_file),
    },
    authorization: authorization && { ...authorization, credentials_file: maybe(authorization.credentials_file) },
    oauth2: oauth2 && {
      ...oauth2,
      client_secret_file: maybe(oauth2.client_secret_file),
      tls_config: tls(oauth2),
    },
    tls_config: tls(client),
    http_headers: new Map(
      [...http_headers].map(([name, values]) => [name, { ...values, files: values.files.map(at) }]),
    ),
  };
}
