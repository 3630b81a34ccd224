import { PassThrough, Readable } from 'node:stream';
import { cli } from '../../src/cli.ts';

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command line in this process. */
export async function runCli(argv: string[], env: Record<string, string> = {}, stdin = ''): Promise<Ran> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const read = [stdout, stderr].map(async (stream) => {
    let text = '';
    for await (const chunk of stream) text += chunk;
    return text;
  });
  const code = await cli(argv, { stdin: Readable.from([stdin]), stdout, stderr, env });
  stdout.end();
  stderr.end();
  const [out = '', err = ''] = await Promise.all(read);
  return { code, stdout: out, stderr: err };
}
