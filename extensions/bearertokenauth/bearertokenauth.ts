import { createHash, timingSafeEqual } from 'node:crypto';
import { type Authenticator, extension, type Host, type ServerAuthenticator } from '#component';
import * as s from '#config';
import { isHeaderName, isHeaderValue, secretFile } from '#http';
import { createComplaints } from '#queue';

const header = s.string({ check: (name) => (isHeaderName(name) ? undefined : 'is not a valid header name') });

const token = s.check(s.secret(), (value, complain) => {
  if (!isHeaderValue(value.reveal())) complain('', 'has a value that no header may hold');
});

const config = s.check(
  s.object({
    scheme: s.withDefault(s.string(), 'Bearer', 'What stands before the token; may be empty.'),
    token: s.optional(token, 'The token.'),
    tokens: s.withDefault(s.list(token), [], 'Tokens, of which the first is sent, and any lets in who asks.'),
    filename: s.optional(
      s.string(),
      'A file that holds the token, or tokens, one a line. Goes before `token` and `tokens`. A new text is used from the next request on.',
    ),
    header: s.withDefault(header, 'Authorization', 'The header that carries it.'),
  }),
  ({ token, tokens, filename }, complain) => {
    if (!token?.reveal() && !tokens.length && !filename) complain('', 'needs token, tokens or filename');
  },
  ({ token, tokens }, complain) => {
    if (token?.reveal() && tokens.length) complain('tokens', 'cannot be set together with token');
  },
);
type Config = s.Infer<typeof config>;

export default extension<Config>({
  type: 'bearertokenauth',
  summary: 'Adds a bearer token to requests, or lets in those that have one.',
  stability: 'beta',
  config,
  create(config, host) {
    const tokens = tokensOf(config, host);
    return {
      // As in the Collector, no file is no start.
      start: async () => void tokens.current(),
      authenticator: bearer(config, tokens),
      serverAuthenticator: guard(config, tokens),
    };
  },
});

/** The tokens that are good now, the one to send first. */
interface Tokens {
  current(): readonly string[];
  /** Looks at the file again. True when the first token has changed. */
  reread(): boolean;
}

function tokensOf({ token, tokens, filename }: Config, host: Host): Tokens {
  if (!filename) {
    const all = (tokens.length ? tokens : [token!]).map((one) => one.reveal());
    return { current: () => all, reread: () => false };
  }
  const complain = createComplaints(host.clock, host.log.warn);
  const onBad = (error: Error) => complain('bad', 'the bearer token stays as it was', { error });
  const file = secretFile(filename, { what: 'the bearer token', clock: host.clock, onBad });
  const current = () => {
    const lines = file.current().split(/\r?\n/);
    return lines.map((line) => line.trim()).filter(Boolean);
  };
  return { current, reread: file.reread };
}

function bearer({ header, scheme, filename }: Config, tokens: Tokens): Authenticator {
  const name = header.toLowerCase();
  const value = () => {
    const [first = ''] = tokens.current();
    if (!isHeaderValue(first)) throw new Error(`the bearer token in ${filename} holds what no header may hold`);
    return scheme ? `${scheme} ${first}` : first;
  };
  return {
    authenticate: async () => ({ [name]: value() }),
    // The file may have been written between the signing and the answer.
    refused({ status, sent }) {
      if (status === 400 || !filename) return { again: false };
      tokens.reread();
      return { again: value() !== sent[name], advice: `the token is from ${filename}` };
    },
  };
}

function guard({ header, scheme }: Config, tokens: Tokens): ServerAuthenticator {
  const name = header.toLowerCase();
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return {
    async admit({ headers }) {
      const given = digest(String(headers[name] ?? ''));
      // All are compared, so that the time tells nothing.
      const same = tokens.current().map((one) => timingSafeEqual(digest(scheme ? `${scheme} ${one}` : one), given));
      return same.includes(true) ? undefined : `${scheme || 'Bearer'} realm="dnscol"`;
    },
  };
}
