import { type Authenticator, type Extension, extension, type Host } from '#component';
import * as s from '#config';
import { type SecretFile, type TextSource, textReader } from '#http';
import { createComplaints } from '#queue';
import { type Htpasswd, parseHtpasswd } from './htpasswd.ts';

const secretsManager = s.check(s.anything('map'), (_, complain) =>
  complain('', 'is not supported: have the secret mounted as a file, and name it in password_file'),
);

const clientAuth = s.check(
  s.object({
    username: s.optional(s.string(), 'The user.'),
    username_file: s.optional(s.string(), 'A file that holds the user; goes before `username`.'),
    password: s.optional(s.secret(), 'The password.'),
    password_file: s.optional(
      s.string(),
      'A file that holds the password; goes before `password`. A new text is used from the next request on.',
    ),
    aws_secrets_manager: s.optional(secretsManager, 'Not supported.'),
  }),
  ({ username }, complain) => {
    // RFC 7617 §2: the first colon ends the user.
    if (username?.includes(':')) complain('username', 'must not hold a colon');
  },
);

const htpasswd = s.check(
  s.object({
    file: s.optional(s.string(), 'A file of users, read again when it changes.'),
    inline: s.optional(s.secret(), 'Users as such a file has them, one a line: `user:hash`.'),
  }),
  ({ file, inline }, complain) => {
    if (!file && !inline?.reveal()) complain('', 'needs file or inline');
  },
  ({ inline }, complain) => {
    try {
      if (inline?.reveal()) parseHtpasswd(inline.reveal());
    } catch (error) {
      complain('inline', (error as Error).message);
    }
  },
);

const config = s.check(
  s.object({
    client_auth: s.optional(clientAuth, ''),
    htpasswd: s.optional(htpasswd, ''),
  }),
  ({ client_auth, htpasswd }, complain) => {
    if (client_auth && htpasswd) complain('htpasswd', 'cannot be set together with client_auth');
    if (!client_auth && !htpasswd) complain('', 'needs client_auth or htpasswd');
  },
);
type Config = s.Infer<typeof config>;

export default extension<Config>({
  type: 'basicauth',
  summary: 'Adds a user and a password to requests, or lets in those that have one.',
  stability: 'beta',
  config,
  create: ({ client_auth, htpasswd }, host) => (htpasswd ? guard(htpasswd, host) : client(client_auth!, host)),
});

function client(options: NonNullable<Config['client_auth']>, host: Host): Extension {
  const user = reader({ value: options.username, file: options.username_file }, 'the user', host);
  const password = reader({ value: options.password, file: options.password_file }, 'the password', host);
  return {
    // As in the Collector, no file is no start.
    async start() {
      user.current();
      password.current();
    },
    authenticator: basic(user, password),
  };
}

function guard({ file, inline }: NonNullable<Config['htpasswd']>, host: Host): Extension {
  const text = reader({ file }, 'the htpasswd file', host);
  const complain = createComplaints(host.clock, host.log.warn);
  let users: { text: string; who: Htpasswd } | undefined;

  function current(): Htpasswd {
    const now = `${text.current()}\n${inline?.reveal() ?? ''}`;
    if (now === users?.text) return users.who;
    try {
      users = { text: now, who: parseHtpasswd(now) };
    } catch (cause) {
      const error = new Error(`cannot use the htpasswd file ${file}`, { cause });
      if (!users) throw error;
      complain('users', 'the users stay as they were', { error });
    }
    return users.who;
  }

  return {
    start: async () => void current(),
    serverAuthenticator: {
      async admit({ headers }, signal) {
        const given = credentialsIn(String(headers.authorization ?? ''));
        const isIn = given !== undefined && (await current().knows(given.user, given.password, signal));
        return isIn ? undefined : 'Basic realm="dnscol", charset="UTF-8"';
      },
    },
  };
}

/** RFC 7617 §2. */
function credentialsIn(header: string): { user: string; password: string } | undefined {
  const [, code] = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header) ?? [];
  if (code === undefined) return undefined;
  const text = Buffer.from(code, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function reader(source: TextSource, what: string, { clock, log }: Host): SecretFile {
  const complain = createComplaints(clock, log.warn);
  const onBad = (error: Error) => complain('bad', `${what} stays as it was`, { error });
  return textReader(source, { what, clock, onBad }) ?? { current: () => '', reread: () => false };
}

function basic(user: SecretFile, password: SecretFile): Authenticator {
  const value = () => `Basic ${Buffer.from(`${user.current()}:${password.current()}`).toString('base64')}`;
  return {
    authenticate: async () => ({ authorization: value() }),
    // A file may have been written between the signing and the answer.
    refused({ status, sent }) {
      if (status === 400) return { again: false };
      const changed = [user.reread(), password.reread()].includes(true);
      return { again: changed || value() !== sent.authorization, advice: `signed in as ${user.current()}` };
    },
  };
}
