import { expect } from 'chai';
import { lex } from '#dns';
import { runCli } from '../support/command.ts';
import { suite } from '../support/suites.ts';
import { makeTree } from '../support/tree.ts';

interface Token {
  text: string;
  line: number;
  file: string;
}
interface ParseCase {
  name: string;
  input: string;
  files?: Record<string, string>;
  env?: Record<string, string>;
  expected: { error: string } | { blocks: { keys: string[]; directives: Record<string, Token[]> }[] };
}
interface LexerCase {
  name: string;
  input: { text: string };
  expected_tokens: { text: string; line: number }[];
}

const facts = suite('corefile');

describe('the Corefile suite: lexer', () => {
  for (const { name, input, expected_tokens } of facts.json<LexerCase[]>('lexer.json')) {
    facts.holds(name, () => {
      expect(lex(input.text).map(({ text, line }) => ({ line, text }))).to.deep.equal(expected_tokens);
    });
  }
});

describe('the Corefile suite: dnscol corefile', () => {
  for (const one of facts.json<ParseCase[]>('parse-cases.json')) {
    facts.holds(one.name, async () => {
      const tree = makeTree({ ...one.files, Corefile: one.input });
      try {
        const { code, stdout, stderr } = await runCli(['corefile', `${tree.path}/Corefile`], one.env);
        const said = JSON.parse(stdout.replaceAll(tree.path, '$DIR'));
        if ('error' in one.expected) {
          expect(code).to.equal(1);
          expect(said).to.have.all.keys('error');
          // A snippet that imports itself: CoreDNS names the line of its closing brace, we that of the import.
          const line = /import depth/.test(one.expected.error) ? '\\d+' : /:(\d+) - /.exec(one.expected.error)![1];
          expect(stderr).to.match(new RegExp(`^\\S+:${line}:\\d+: .+\\n$`));
        } else {
          expect(said).to.deep.equal(one.expected);
          expect(code, stderr).to.equal(0);
        }
      } finally {
        tree.remove();
      }
    });
  }

  facts.listIsCurrent();
});
