import { renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type SecretFile, secretFile } from '#http';
import { FakeClock } from '../support/clock.ts';
import { makeTree, type Tree } from '../support/tree.ts';

describe('secretFile', () => {
  let tree: Tree;
  let file: SecretFile;
  let bad: Error[];
  let clock: FakeClock;

  beforeEach(() => {
    tree = makeTree({ token: 'a-first-token\n' });
    bad = [];
    clock = new FakeClock();
    file = secretFile(join(tree.path, 'token'), { what: 'the token', clock, onBad: (error) => bad.push(error) });
  });
  afterEach(() => tree.remove());

  /** Writes over the file, this many milliseconds ago by the clock. */
  const written = (text: string, ago = 0) => {
    tree.write({ token: text });
    const at = (clock.now() - ago) / 1000;
    utimesSync(join(tree.path, 'token'), at, at);
  };
  const replaced = (text: string) => {
    tree.write({ new: text });
    renameSync(join(tree.path, 'new'), join(tree.path, 'token'));
  };

  it('gives the text without blanks around it, and a new one from the next call on', () => {
    expect(file.current()).to.equal('a-first-token');
    written('a-second-token');
    expect(file.current()).to.equal('a-second-token');
    replaced('short');
    expect(file.current()).to.equal('short');
    expect(bad).to.deep.equal([]);
  });

  it('keeps the old text while the file is empty or gone, and says so', () => {
    file.current();
    written(' \n');
    expect(file.current()).to.equal('a-first-token');
    tree.write({ token: undefined });
    expect(file.current()).to.equal('a-first-token');
    expect(bad.map((e) => `${e.message}: ${(e.cause as Error).message}`)).to.match(
      /^cannot read the token from .*: it is empty,.*ENOENT/s,
    );
    replaced('new');
    expect(file.current()).to.equal('new');
  });

  it('keeps the old text for a second when it may be half-written', () => {
    file.current();
    written('a-sec');
    expect(file.current()).to.equal('a-first-token');
    written('a-second-token');
    expect(file.current()).to.equal('a-second-token');
    written('really', 1000);
    expect(file.current()).to.equal('really');
  });

  it('takes at once what is there when asked to look again', () => {
    file.current();
    expect(file.reread()).to.equal(false);
    written('a-sec');
    expect(file.reread()).to.equal(true);
    expect(file.current()).to.equal('a-sec');
  });

  it('throws where there never was anything, with the path and no word of the text', () => {
    const gone = secretFile(join(tree.path, 'none'), { what: 'the token', clock });
    expect(() => gone.current()).to.throw(/^cannot read the token from .*none$/);
    tree.write({ none: 'now' });
    expect(gone.current()).to.equal('now');
  });
});
