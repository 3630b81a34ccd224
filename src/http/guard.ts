import type { ServerAuthenticator } from '#component';
import type { HttpServerOptions } from './server.ts';

type Handle = HttpServerOptions['handle'];

/** `handle` for those whom the authenticator lets in; all others are answered 401. */
export function guarded(handle: Handle, authenticator: ServerAuthenticator | undefined): Handle {
  if (!authenticator) return handle;
  return async (request, signal) => {
    const challenge = await authenticator.admit(request, signal);
    if (challenge === undefined) return handle(request, signal);
    return { status: 401, headers: { 'www-authenticate': challenge }, body: 'credentials are wanted here\n' };
  };
}
