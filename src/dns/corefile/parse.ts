import { posix } from 'node:path';
import { Cursor } from './cursor.ts';
import { createExpander, type Environment } from './environment.ts';
import { findImports, type ImportFiles } from './imports.ts';
import { lex } from './lexer.ts';
import { CorefileError, type CorefileToken, type Import } from './token.ts';

export interface CorefileOptions {
  /** The Corefile's name in messages. Default `Corefile`. */
  file?: string;
  /** The absolute folder in which imports of the main file are looked up. Default: the folder of `file`. */
  folder?: string;
  /** For `{$NAME}`. Default: nothing is set. */
  env?: Environment;
  /** What imports may read. Without it an import of a file is an error; snippets work. */
  files?: ImportFiles;
}

export interface Corefile {
  /** In the order of the file; snippets are none. */
  readonly blocks: readonly ServerBlock[];
}

/** One server block: where it listens, and what it does. */
export interface ServerBlock {
  /** Addresses as written, environment replaced, such as `.:53`, `tls://example.org`, `10.0.0.0/8`. */
  readonly keys: readonly string[];
  /** The place of the first key. */
  readonly line: number;
  readonly file: string;
  /** By directive, all its tokens: its own name, arguments and braces; once more for each time it is given. See `stanzas`. */
  readonly directives: ReadonlyMap<string, readonly CorefileToken[]>;
}

/** Bytes of a Corefile, or of a file that it imports. A ConfigMap holds at most 1 MiB. */
export const MAX_COREFILE = 1 << 22;

/** CoreDNS's own limit on imports of snippets; cycles and bombs end there. */
const MAX_SNIPPET_IMPORTS = 10_000;
const MAX_FILE_IMPORTS = 10_000;
const MAX_DEPTH = 1000;
/** After all imports. The largest real Corefiles have some ten thousand words. */
const MAX_TOKENS = 100_000;
/** Of a message, which may quote the Corefile. */
const MAX_MESSAGE = 300;

/**
 * Parses a Corefile as CoreDNS does (github.com/coredns/caddy, caddyfile): the same blocks, the same words, and an error for
 * the same texts; further, for environments and imports without end, where CoreDNS hangs or takes minutes.
 *
 * Throws a CorefileError, and nothing else.
 */
export function parseCorefile(text: string, options: CorefileOptions = {}): Corefile {
  return new Parser(text, options).parse();
}

class Parser {
  readonly #name: string;
  readonly #folder: string;
  readonly #files: ImportFiles | undefined;
  readonly #expand: (word: string) => string;
  readonly #cursor: Cursor;
  readonly #snippets = new Map<string, readonly CorefileToken[]>();
  readonly #lexed = new Map<string, readonly CorefileToken[]>();
  #tokens: number;
  #snippetImports = 0;
  #fileImports = 0;

  constructor(text: string, { file = 'Corefile', folder, env = {}, files }: CorefileOptions) {
    this.#name = file;
    this.#folder = folder ?? posix.dirname(posix.resolve('/', file));
    this.#files = files;
    this.#expand = createExpander(env);
    const tokens = lex(text, { shownAs: file, limit: MAX_TOKENS });
    this.#tokens = tokens.length;
    this.#cursor = new Cursor(tokens);
  }

  parse(): Corefile {
    const blocks: ServerBlock[] = [];
    while (this.#cursor.next()) {
      const block = this.#block();
      if (block) blocks.push(block);
    }
    return { blocks };
  }

  /** Undefined for a snippet, and where an import left nothing. */
  #block(): ServerBlock | undefined {
    const { keys, first, ended } = this.#addresses();
    const directives = new Map<string, CorefileToken[]>();
    const block = first && { keys, line: first.line, file: first.file, directives };
    if (ended) return block;
    if (keys.length === 1 && /^\(.*\)$/s.test(keys[0]!)) {
      this.#defineSnippet(keys[0]!.slice(1, -1));
      return undefined;
    }
    const braced = this.#cursor.text === '{';
    if (!braced) this.#cursor.back();
    this.#directives(directives);
    if (braced) this.#expect('}');
    return block;
  }

  /** Up to `{`, the first word of another line, or the end. */
  #addresses(): { keys: string[]; first: CorefileToken | undefined; ended: boolean } {
    const cursor = this.#cursor;
    const keys: string[] = [];
    let first: CorefileToken | undefined;
    let wantsAnother = false;
    for (;;) {
      const word = this.#expanded(cursor.text);
      let goesOn: boolean;
      if (word === 'import' && cursor.isNewLine) {
        this.#import();
        goesOn = cursor.next();
        if (goesOn) continue;
      } else {
        if (word === '{') {
          if (wantsAnother) this.#fail('expected another address, not {: is there a comma too many?');
          return { keys, first, ended: false };
        }
        if (word !== '') {
          wantsAnother = word.endsWith(',');
          first ??= cursor.current;
          keys.push(wantsAnother ? word.slice(0, -1) : word);
        }
        goesOn = cursor.next();
      }
      if (!goesOn) {
        if (wantsAnother) this.#fail('the file ends where another address was expected');
        return { keys, first, ended: true };
      }
      if (!wantsAnother && cursor.isNewLine) return { keys, first, ended: false };
    }
  }

  #defineSnippet(name: string): void {
    if (this.#snippets.has(name)) this.#fail(`the snippet (${name}) is declared twice`);
    this.#expect('{');
    const tokens: CorefileToken[] = [];
    let depth = 1;
    while (this.#cursor.next()) {
      if (this.#cursor.text === '}' && --depth === 0) break;
      if (this.#cursor.text === '{') depth++;
      tokens.push(this.#cursor.current!);
      if (this.#importsItself(tokens, name)) this.#fail(`the snippet (${name}) imports itself`);
    }
    if (depth > 0) this.#expect('}');
    this.#snippets.set(name, tokens);
  }

  /** Looks at the last two tokens of a snippet's body. CoreDNS, too, refuses this already where it is declared. */
  #importsItself(tokens: readonly CorefileToken[], name: string): boolean {
    const [before, word, argument] = [tokens.at(-3), tokens.at(-2), tokens.at(-1)];
    if (word?.text !== 'import' || !argument) return false;
    const atLineStart = !before || before.file !== word.file || before.line !== word.line;
    return atLineStart && this.#expanded(argument.text) === name;
  }

  #directives(into: Map<string, CorefileToken[]>): void {
    while (this.#cursor.next()) {
      if (this.#cursor.text === '}') return;
      if (this.#cursor.text === 'import') this.#import();
      else this.#directive(into);
    }
  }

  /** One directive: its line, and what its braces enclose. */
  #directive(into: Map<string, CorefileToken[]>): void {
    const cursor = this.#cursor;
    const name = this.#expanded(cursor.text);
    const tokens = into.get(name) ?? [];
    into.set(name, tokens);
    tokens.push(cursor.current!);
    let depth = 0;
    while (cursor.next()) {
      const word = cursor.text;
      if (word === '{') depth++;
      else if (depth === 0 && cursor.isNewLine) {
        cursor.back();
        return;
      } else if (word === '}') {
        if (depth === 0) this.#fail('this } closes nothing');
        depth--;
      } else if (word === 'import' && cursor.isNewLine) {
        this.#import();
        continue;
      }
      cursor.setText(this.#expanded(word));
      tokens.push(cursor.current!);
    }
    if (depth > 0) this.#fail(`the file ends inside of ${name} {`);
  }

  /** Puts what is imported in the place of the directive. The cursor is then before it: `next` goes to its first token. */
  #import(): void {
    const cursor = this.#cursor;
    const directive = cursor.current!;
    if (!cursor.nextArgument()) this.#fail('import needs a snippet, a file or a pattern');
    const what = this.#expanded(cursor.text);
    if (what === '') this.#fail('import needs a snippet, a file or a pattern, not an empty text');
    if (cursor.nextArgument()) this.#fail('import takes one snippet, file or pattern');
    const snippet = this.#snippets.get(what);
    const tokens = snippet ? this.#importSnippet(what, snippet, directive) : this.#importFiles(what, directive);
    cursor.replaceLast(2, tokens);
  }

  #importSnippet(name: string, tokens: readonly CorefileToken[], { via }: CorefileToken): readonly CorefileToken[] {
    if (++this.#snippetImports > MAX_SNIPPET_IMPORTS)
      this.#fail(`imports snippets more than ${MAX_SNIPPET_IMPORTS} times`);
    return this.#brought(tokens, this.#deeper(name, via));
  }

  #importFiles(pattern: string, { via, file }: CorefileToken): readonly CorefileToken[] {
    const files = this.#files;
    if (!files) return this.#fail(`there is no snippet (${pattern}), and files may not be imported here`);
    const found = this.#attempt(() => findImports(pattern, file ? posix.dirname(file) : this.#folder, files));
    if (!found) return this.#fail(`there is no snippet and no file to import: ${pattern}`);
    const all: CorefileToken[] = [];
    for (const path of found) {
      if (++this.#fileImports > MAX_FILE_IMPORTS) this.#fail(`imports files more than ${MAX_FILE_IMPORTS} times`);
      for (const token of this.#brought(this.#lexFile(path, files), this.#deeper(path, via))) all.push(token);
    }
    return all;
  }

  #lexFile(path: string, files: ImportFiles): readonly CorefileToken[] {
    const known = this.#lexed.get(path);
    if (known) return known;
    const text = this.#attempt(() => files.read(path));
    const tokens = lex(text, { file: path, limit: MAX_TOKENS });
    this.#lexed.set(path, tokens);
    return tokens;
  }

  #deeper(name: string, via: Import | undefined): Import {
    const depth = (via?.depth ?? 0) + 1;
    if (depth > MAX_DEPTH) {
      const again = isAmong(name, via) ? `: ${name} imports itself, directly or through others` : '';
      this.#fail(`imports lie more than ${MAX_DEPTH} deep in each other${again}`);
    }
    return via ? { name, depth, via } : { name, depth };
  }

  #brought(tokens: readonly CorefileToken[], via: Import): readonly CorefileToken[] {
    this.#tokens += tokens.length;
    if (this.#tokens > MAX_TOKENS) this.#fail(`imports make more than ${MAX_TOKENS} words`);
    return tokens.map((token) => ({ ...token, via }));
  }

  #expanded(word: string): string {
    return this.#attempt(() => this.#expand(word));
  }

  #attempt<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      return this.#fail((error as Error).message);
    }
  }

  #expect(word: '{' | '}'): void {
    if (this.#cursor.text !== word) this.#fail(`expected ${word}, not ${JSON.stringify(this.#cursor.text)}`);
  }

  #fail(what: string): never {
    const at = this.#cursor.current;
    throw new CorefileError(printable(what), {
      file: at?.file || this.#name,
      line: at?.line ?? 1,
      column: at?.column ?? 1,
    });
  }
}

function isAmong(name: string, via: Import | undefined): boolean {
  for (let one = via; one; one = one.via) if (one.name === name) return true;
  return false;
}

/** On one line, without signs that a terminal obeys, and not too long. */
function printable(what: string): string {
  const text = what.length > MAX_MESSAGE ? `${what.slice(0, MAX_MESSAGE)}…` : what;
  return text.replace(/[\0-\x1f\x7f-\x9f]/g, (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
