import { expect } from 'chai';
import {
  CorefileError,
  type ImportFiles,
  parseCorefile,
  readBind,
  readCache,
  readForwards,
  serverAddresses,
} from '#dns';

const PIECES = [
  '{',
  '}',
  ' { ',
  ' }\n',
  '\n',
  '"',
  '\\',
  '\\"',
  '#',
  ',',
  ' import ',
  'import s\n',
  'import a.conf\n',
  'import *\n',
  'import b?.conf\n',
  '(s) {\n',
  '{$A}',
  '{%B%}',
  '{$LOOP}',
  '{$}',
  '{$',
  '%}',
  '\0',
  '\r\n',
  '\ufeff',
  '\u0085',
  'forward . ',
  'cache 30 {\n',
  'tls://[::1%x]:853 ',
  '10.0.0.0/9 ',
  '.:53 {\n',
  '\ud83d\ude00',
];
const ENV = { A: 'a', B: 'import s', LOOP: 'x{$LOOP}' };
const FILES: Readonly<Record<string, string>> = {
  '/a.conf': 'log\nimport b1.conf\n',
  '/b1.conf': 'errors {\n stack\n}\n',
  '/b2.conf': 'import a.conf\nimport b2.conf\n',
};
const files: ImportFiles = {
  exists: (path) => path in FILES,
  list: () => Object.keys(FILES).map((path) => path.slice(1)),
  read: (path) => FILES[path]!,
};

/** Changes a text in one to four places: drops, doubles, swaps in pieces of the language. */
export function mutateCorefile(rnd: () => number, text: string): string {
  let out = text;
  const int = (n: number) => Math.floor(rnd() * n);
  for (let n = 1 + int(4); n > 0; n--) {
    const at = int(out.length + 1);
    const end = Math.min(out.length, at + int(12));
    const kind = int(4);
    if (kind === 0) out = out.slice(0, at) + out.slice(end);
    else if (kind === 1) out = out.slice(0, at) + PIECES[int(PIECES.length)]! + out.slice(at);
    else if (kind === 2) out = out.slice(0, at) + out.slice(at, end) + out.slice(at);
    else out = out.slice(0, at) + PIECES[int(PIECES.length)]! + out.slice(end);
  }
  return out;
}

/** Parses and reads everything; whether it was a good Corefile. Throws for anything but blocks or an error with a place. */
export function expectResultOrError(text: string): boolean {
  try {
    for (const block of parseCorefile(text, { env: ENV, files }).blocks) {
      readForwards(block);
      readBind(block);
      readCache(block);
      block.keys.forEach(serverAddresses);
    }
    return true;
  } catch (error) {
    if (!(error instanceof CorefileError))
      throw new Error(`not a CorefileError for ${JSON.stringify(text)}`, { cause: error });
    expect(error.message).to.match(/^[^\n]+:\d+:\d+: ./);
    return false;
  }
}
