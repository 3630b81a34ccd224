import { type CorefileToken, sameLine, startsLine } from './token.ts';

/**
 * A place in a list of tokens that imports make longer as it goes. What lies ahead is kept reversed, so that putting tokens in
 * costs what they are and not what follows them.
 */
export class Cursor {
  readonly #behind: CorefileToken[] = [];
  readonly #ahead: CorefileToken[];

  constructor(tokens: readonly CorefileToken[]) {
    this.#ahead = [...tokens].reverse();
  }

  /** The token last gone to; undefined before the first. */
  get current(): CorefileToken | undefined {
    return this.#behind.at(-1);
  }

  get text(): string {
    return this.current?.text ?? '';
  }

  next(): boolean {
    const token = this.#ahead.pop();
    if (token) this.#behind.push(token);
    return token !== undefined;
  }

  /** Goes on only within the line. */
  nextArgument(): boolean {
    const ahead = this.#ahead.at(-1);
    return ahead !== undefined && this.current !== undefined && sameLine(this.current, ahead) && this.next();
  }

  back(): void {
    const token = this.#behind.pop();
    if (token) this.#ahead.push(token);
  }

  /** Whether the current token begins a line. */
  get isNewLine(): boolean {
    return this.current === undefined || startsLine(this.#behind.at(-2), this.current);
  }

  setText(text: string): void {
    const last = this.#behind.length - 1;
    const token = this.#behind[last];
    if (token && token.text !== text) this.#behind[last] = { ...token, text };
  }

  /** Puts tokens in the place of the `count` last ones; the first of them comes next. */
  replaceLast(count: number, tokens: readonly CorefileToken[]): void {
    this.#behind.length -= count;
    for (let i = tokens.length - 1; i >= 0; i--) this.#ahead.push(tokens[i]!);
  }
}
