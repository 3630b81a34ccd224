import { expect } from 'chai';
import { runCli } from '../support/command.ts';
import { makeTree, type Tree } from '../support/tree.ts';

describe('dnscol corefile', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree({
      'etc/Corefile': '.:53 {\n  forward . {$UP}\n  import more/*.conf\n}\n',
      'etc/more/a.conf': 'log',
      'shared.conf': 'errors',
    });
  });
  afterEach(() => tree.remove());

  it('prints blocks and tokens as JSON', async () => {
    const { code, stdout, stderr } = await runCli(['corefile', `${tree.path}/etc/Corefile`], { UP: '10.0.0.10' });
    const token = (text: string, line: number, file = '') => ({ text, line, file });
    expect(JSON.parse(stdout)).to.deep.equal({
      blocks: [
        {
          keys: ['.:53'],
          directives: {
            forward: [token('forward', 2), token('.', 2), token('10.0.0.10', 2)],
            log: [token('log', 1, `${tree.path}/etc/more/a.conf`)],
          },
        },
      ],
    });
    expect([code, stderr]).to.deep.equal([0, '']);
  });

  it('reads standard input', async () => {
    const { code, stdout } = await runCli(['corefile', '-'], {}, 'a {\n}\n');
    expect([code, JSON.parse(stdout)]).to.deep.equal([0, { blocks: [{ keys: ['a'], directives: {} }] }]);
  });

  it('prints a fault with its place, as JSON and for people', async () => {
    const { code, stdout, stderr } = await runCli(['corefile', '-'], {}, 'a {\n log }\n');
    expect([code, stderr]).to.deep.equal([1, '-:2:6: this } closes nothing\n']);
    expect(JSON.parse(stdout)).to.deep.equal({ error: '-:2:6: this } closes nothing' });
  });

  it('imports from the folder of the file unless told', async () => {
    tree.write({ 'etc/Corefile': 'a {\n import ../shared.conf\n}\n' });
    const file = `${tree.path}/etc/Corefile`;
    const narrow = await runCli(['corefile', file]);
    expect(narrow.code).to.equal(1);
    expect(narrow.stderr).to.equal(`${file}:2:9: ${tree.path}/shared.conf is outside of ${tree.path}/etc\n`);
    const wide = await runCli(['corefile', file, '--import-root', tree.path]);
    expect(wide.code).to.equal(0);
    expect(wide.stdout).to.include('"errors"');
  });

  it('says what it cannot read, and what is too long', async () => {
    const { code, stderr } = await runCli(['corefile', `${tree.path}/none`]);
    expect(code).to.equal(1);
    expect(stderr).to.match(/^cannot read \S+none: ENOENT/);
    expect((await runCli(['corefile', '-'], {}, '#'.repeat((1 << 22) + 1))).stderr).to.match(
      /longer than 4194304 bytes/,
    );
  });

  it('asks for one file', async () => {
    expect((await runCli(['corefile'])).code).to.equal(2);
    expect((await runCli(['corefile', 'a', 'b'])).code).to.equal(2);
    expect((await runCli(['corefile', '--what', 'a'])).stderr).to.match(/--what/);
    expect((await runCli(['corefile', '--help'])).stdout).to.match(/^Usage: dnscol corefile FILE/);
  });
});
