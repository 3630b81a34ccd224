import { type Authenticator, extension, type Host } from '#component';
import * as s from '#config';
import { type SecretFile, type TextSource, textReader } from '#http';
import { createComplaints } from '#queue';

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

const htpasswd = s.check(s.anything('map'), (_, complain) => complain('', 'is not supported yet'));

const config = s.check(
  s.object({
    client_auth: s.optional(clientAuth, ''),
    htpasswd: s.optional(htpasswd, 'Not supported yet.'),
  }),
  ({ client_auth, htpasswd }, complain) => {
    if (client_auth && htpasswd) complain('htpasswd', 'cannot be set together with client_auth');
    if (!client_auth && !htpasswd) complain('', 'needs client_auth');
  },
);

export default extension({
  type: 'basicauth',
  summary: 'Adds a user and a password.',
  stability: 'beta',
  config,
  create({ client_auth }, host) {
    const user = reader({ value: client_auth?.username, file: client_auth?.username_file }, 'the user', host);
    const password = reader({ value: client_auth?.password, file: client_auth?.password_file }, 'the password', host);
    return {
      // As in the Collector, no file is no start.
      async start() {
        user.current();
        password.current();
      },
      authenticator: basic(user, password),
    };
  },
});

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
      if (status !== 401) return { again: false };
      const changed = [user.reread(), password.reread()].includes(true);
      return { again: changed || value() !== sent.authorization, advice: `signed in as ${user.current()}` };
    },
  };
}
