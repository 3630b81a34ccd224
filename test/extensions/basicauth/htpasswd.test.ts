import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseHtpasswd } from '../../../extensions/basicauth/htpasswd.ts';
import { cpuTime } from '../../support/cpu.ts';
import { random } from '../../support/random.ts';

const never = new AbortController().signal;
const pairs: [string, string][] = JSON.parse(
  readFileSync(new URL('../../golden/htpasswd/hashes.json', import.meta.url), 'utf8'),
);
const SHA = '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=';
/** `printf passwordsalt | sha1sum`, and the salt. */
const SSHA = `{SSHA}${Buffer.from('c88e9c67041a74e0357befdff93f87dde090421473616c74', 'hex').toString('base64')}`;

describe('htpasswd', () => {
  it('knows every password that libxcrypt and OpenSSL hashed, and no other', async () => {
    expect(pairs).to.have.length(43);
    for (const [password, hash] of pairs) {
      const users = parseHtpasswd(`me:${hash}`);
      expect(await users.knows('me', password, never), hash).to.equal(true);
      expect(await users.knows('me', `!${password}`, never), hash).to.equal(false);
    }
  });

  it('knows plain passwords and those in SHA-1', async () => {
    const users = parseHtpasswd(`# users\n\na:plain:with colon\r\nb:${SHA}\n`);
    expect(await users.knows('a', 'plain:with colon', never)).to.equal(true);
    expect(await users.knows('b', 'password', never)).to.equal(true);
    expect(await users.knows('b', SHA, never)).to.equal(false);
    expect(await users.knows('a', '', never)).to.equal(false);
    expect(await users.knows('they', 'plain:with colon', never)).to.equal(false);
    const salted = parseHtpasswd(`c:${SSHA}`);
    expect(await salted.knows('c', 'password', never)).to.equal(true);
    expect(await salted.knows('c', 'passwordsalt', never)).to.equal(false);
  });

  it('remembers what was right: a hash is paid for once', async () => {
    const users = parseHtpasswd(`me:${pairs.find(([, hash]) => hash.startsWith('$2y$'))![1]}`);
    expect(await users.knows('me', '', never)).to.equal(true);
    const began = cpuTime();
    for (let i = 0; i < 1000; i++) await users.knows('me', '', never);
    expect((cpuTime() - began) / 1000).to.be.below(1);
  });

  it('takes its turn: the event loop goes on under a bcrypt', async () => {
    const users = parseHtpasswd('me:$2b$09$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234');
    await users.knows('me', 'first', never);
    let turns = 0;
    let on = true;
    const tick = () => {
      turns++;
      if (on) setImmediate(tick);
    };
    setImmediate(tick);
    await users.knows('me', 'wrong', never);
    on = false;
    expect(turns).to.be.above(2);
  });

  it('gives up when whoever asked has gone', async () => {
    const users = parseHtpasswd('me:$2b$14$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz01234');
    const gone = new AbortController();
    const answer = users.knows('me', 'x', gone.signal).catch((e) => e.message);
    setImmediate(() => gone.abort(new Error('gone')));
    expect(await answer).to.equal('gone');
    const waiting = AbortSignal.abort();
    expect(await users.knows('me', 'y', waiting)).to.equal(false);
  });

  const refuses = (text: string, words: string) =>
    it(`refuses ${JSON.stringify(text)}`, () => expect(() => parseHtpasswd(text)).to.throw(words));
  refuses('', 'there is nobody in it');
  refuses('# x\n\n', 'there is nobody in it');
  refuses('a:b\nCANARY', 'line 2 has no user and password with a colon between');
  refuses(':CANARY', 'line 1 has no user');
  refuses('a:', 'line 1 has no password');
  refuses('a:$2y$10$short', 'line 1 has a bcrypt that is cut short');
  refuses(`a:$2y$31$${'a'.repeat(53)}`, 'line 1 has a bcrypt cost that is not from 4 to 14');
  refuses('a:$apr1$x$y', 'line 1 has an $apr1$ that is cut short');
  refuses('a:$6$x$y', 'line 1 has a $6$ that is cut short');
  refuses(`a:$5$rounds=999999999$x$${'a'.repeat(43)}`, 'line 1 has more than 500000 rounds');
  refuses('a:$y$j9T$x$y', 'line 1 is hashed in a way that is not supported: bcrypt');
  refuses('a:{SHA}CANARY', 'line 1 has a {SHA} that is cut short');

  it('takes any noise, and says none of it', () => {
    const next = random(11);
    const parts = ['a', ':', '$', '2y', '5', '6', 'apr1', '{SHA}', '{SSHA}', 'rounds=', '9', '\n', 'CANARY', '=', '\0'];
    for (let round = 0; round < 3000; round++) {
      const text = Array.from({ length: 12 }, () => parts[Math.floor(next() * parts.length)]).join('');
      try {
        parseHtpasswd(text);
      } catch (error) {
        expect((error as Error).message).to.not.contain('CANARY');
      }
    }
  });
});
