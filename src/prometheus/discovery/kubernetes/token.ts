import { readFile } from 'node:fs/promises';
import type { Authenticator } from '#component';

export async function tokenIn(path: string): Promise<string> {
  const token = (await readText(path, 'the token')).trim();
  if (token === '') throw new Error(`the token file ${path} is empty`);
  return token;
}

export async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT' ? ' (automountServiceAccountToken?)' : '';
    throw new Error(`cannot read ${what} from ${path}${missing}`, { cause: error });
  }
}

/** Reads the token for each request: it is replaced about once an hour. */
export function bearerFile(path: string): Authenticator {
  return {
    authenticate: async () => ({ authorization: `Bearer ${await tokenIn(path)}` }),
  };
}
