/** Components for tests of the configuration: one with every kind of option, one with secrets, and some with nothing. */

import type { Factory } from '#component';
import { exporter, extension, processor, receiver } from '#component';
import * as s from '#config';
import type { Components } from '../../src/config/factories.ts';
import { formatIssues } from '../../src/config/format.ts';
import { type Loaded, loadConfig } from '../../src/config/load.ts';
import { type Resolved, resolveConfig } from '../../src/config/resolve.ts';

const notMade = () => {
  throw new Error('only its configuration is used');
};
const about = { summary: 'For tests.', stability: 'stable', create: notMade } as const;

const probeOptions = s.object({
  endpoint: s.required(s.string({ nonEmpty: true }), 'Where to ask.'),
  interval: s.withDefault(s.duration({ min: 1000, max: 3_600_000 }), '10s', 'How often.'),
  limit: s.withDefault(s.size({ max: 1024 * 1024 }), '4KiB', 'The most bytes.'),
  count: s.withDefault(s.int({ min: 1, max: 10 }), 1, 'How many.'),
  ratio: s.withDefault(s.float({ min: 0, max: 1 }), 0.5, 'How much.'),
  enabled: s.withDefault(s.bool(), true, 'Whether.'),
  mode: s.withDefault(s.oneOf('fast', 'slow'), 'fast', 'In which way.'),
  targets: s.optional(s.list(s.string(), { min: 1 }), 'Whom.'),
  names: s.withDefault(s.strings(), [], 'Which.'),
  labels: s.withDefault(
    s.mapOf(s.string(), s.string({ check: (k) => (/^\w+$/.test(k) ? undefined : 'is not a label name') })),
    {},
    'With these labels.',
  ),
  tls: s.optional(
    s.object({ ca_file: s.optional(s.string(), 'CA.'), key_pem: s.optional(s.secret(), 'Key.') }),
    'TLS.',
  ),
  rules: s.withDefault(
    s.list(
      s.object({ action: s.required(s.oneOf('keep', 'drop'), 'What.'), regex: s.optional(s.string(), 'Of what.') }),
    ),
    [],
    'Rules.',
  ),
  old_count: s.deprecated(s.optional(s.int(), 'As count.'), 'use count'),
});

const probe = receiver({
  ...about,
  type: 'probe',
  config: s.check(probeOptions, (value, complain) => {
    if (value.mode === 'slow' && value.count > 1) complain('count', 'must be 1 when mode is slow');
  }),
});

const sink = exporter({
  ...about,
  type: 'oldsink',
  aliases: ['old_sink'],
  config: s.object({
    endpoint: s.optional(s.string({ check: urlCheck }), 'Where to send.'),
    timeout: s.withDefault(s.duration(), '5s', 'How long to wait.'),
    password: s.optional(s.secret(), 'Password.'),
    token: s.optional(s.secret(), 'Token.'),
    headers: s.withDefault(s.mapOf(s.secret()), {}, 'Headers.'),
    auth: s.optional(s.object({ authenticator: s.required(s.extensionId(), 'Who signs.') }), 'Signing.'),
  }),
});

/** Quotes what it complains about, as a careless component may. */
function urlCheck(text: string): string | undefined {
  return /^https?:\/\//.test(text) ? undefined : `is not a URL: "${text}"`;
}

const nothing = s.object({});
const load = (factory: Factory) => async () => ({ default: factory });

export const testComponents: Components = {
  receiver: { nop: load(receiver({ ...about, type: 'nop', config: nothing })), probe: load(probe) },
  processor: {
    nop: load(processor({ ...about, type: 'nop', config: nothing })),
    thin: load(processor({ ...about, type: 'thin', config: nothing })),
  },
  exporter: { nop: load(exporter({ ...about, type: 'nop', config: nothing })), oldsink: load(sink) },
  extension: {
    nop: load(extension({ ...about, type: 'nop', config: nothing })),
    signer: load(extension({ ...about, type: 'signer', config: nothing })),
  },
};

export interface Given {
  configs?: string[];
  sets?: string[];
  env?: Record<string, string>;
  files?: Record<string, string>;
  components?: Components;
}

/** Loads from files that are only in memory. */
export function loadFiles({ configs = ['agent.yaml'], sets = [], env = {}, files = {} }: Given): Promise<Loaded> {
  const readFile = async (path: string) => {
    const text = Object.hasOwn(files, path) ? files[path] : undefined;
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
  return loadConfig(configs, sets, { env, readFile });
}

/** One text as agent.yaml, read with the test components. */
export async function resolveText(text: string, given: Given = {}): Promise<Resolved> {
  const loaded = await loadFiles({ ...given, files: { 'agent.yaml': text, ...given.files } });
  return resolveConfig(loaded, given.components ?? testComponents);
}

/** Warnings first, then issues, as the command line shows them. */
export const reportOf = ({ issues, warnings, excerpts }: Resolved): string =>
  formatIssues([...warnings, ...issues], excerpts);
