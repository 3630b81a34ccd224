import { suite } from '../../support/suites.ts';
import { until } from '../kit/agent.ts';
import { job, startRig } from '../kit/rig.ts';
import { atLeast, equal, type Threat } from '../kit/threat.ts';
import { answer, listen, onRequest } from '../kit/wire.ts';

interface Case {
  type: 'request' | 'response';
  raw_b64: string;
  parser_error: unknown;
}

const PAGE = 'stolen 1\n';
const CRLF = '\r\n';
const LENGTH = `Content-Length: ${PAGE.length}`;
const CHUNK = `${PAGE.length.toString(16)}\r\n${PAGE}\r\n0\r\n\r\n`;

/** A page that would count as good, behind a head or in chunks that must not be believed. */
const MALFORMED = [
  answers(`${LENGTH}\r\nTransfer-Encoding: chunked`, CHUNK),
  answers(`${LENGTH}\r\n${LENGTH}0`, PAGE),
  answers(`Content-Length: +${PAGE.length}`, PAGE),
  answers('Content-Length: -1', PAGE),
  answers(`Content-Length: ${PAGE.length},${PAGE.length}0`, PAGE),
  answers(`Content-Length: 0x9`, PAGE),
  answers(`Content-Length : ${PAGE.length}`, PAGE),
  answers(`${LENGTH}\r\nBad Name: x`, PAGE),
  answers(`${LENGTH}\r\n\0: x`, PAGE),
  answers(`${LENGTH}\r\nX: a\0b`, PAGE),
  answers(`${LENGTH}\r\nX: a\rb`, PAGE),
  answers('Transfer-Encoding: chunked, identity', PAGE + CRLF),
  answers('Transfer-Encoding: chunked', `+9\r\n${PAGE}\r\n0\r\n\r\n`),
  answers('Transfer-Encoding: chunked', `0x9\r\n${PAGE}\r\n0\r\n\r\n`),
  answers('Transfer-Encoding: chunked', ` 9\r\n${PAGE}\r\n0\r\n\r\n`),
  answers('Transfer-Encoding: chunked', `9\r\n${PAGE}0\r\n\r\n`),
  answers('Transfer-Encoding: chunked', `ffffffffffffffff9\r\n${PAGE}\r\n0\r\n\r\n`),
  answers('Transfer-Encoding: chunked', `9;${'x'.repeat(70_000)}\r\n${PAGE}\r\n0\r\n\r\n`),
  `HTTP/1.1 2000 OK\r\n${LENGTH}\r\n\r\n${PAGE}`,
  `HTTP/1.1 20 OK\r\n${LENGTH}\r\n\r\n${PAGE}`,
  `HTTP/11 200 OK\r\n${LENGTH}\r\n\r\n${PAGE}`,
  `ICY 200 OK\r\n${LENGTH}\r\n\r\n${PAGE}`,
  `http/1.1 200 OK\r\n${LENGTH}\r\n\r\n${PAGE}`,
  PAGE,
  answers(`${LENGTH}\r\nX: ${'x'.repeat(70_000)}`, PAGE),
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n${PAGE}`,
];

export default {
  id: 'T14',
  title: 'smuggled and malformed answers',
  async run(lab) {
    const cases = suite('http-hardening')
      .json<Case[]>('llhttp-cases.json')
      .filter(({ type }) => type === 'response');
    const rig = await startRig(lab, { warm: 500 });
    // Every hostile answer is followed, on the same connection, by one more that nobody asked for.
    const smuggled = answer(200, 'smuggled 1\n');
    const hostile = [...cases.map(({ raw_b64 }) => Buffer.from(raw_b64, 'base64')), ...MALFORMED.map(latin1)];
    const [first, second] = await Promise.all(
      [hostile, hostile.map((raw) => Buffer.concat([raw, smuggled]))].map(turns),
    );
    const malformed = await Promise.all(MALFORMED.map((raw) => always(latin1(raw))));
    await rig.attack([job('alone', first!), job('smuggling', second!), job('malformed', malformed)]);
    const rounds = () => rig.sink.points('turn').length;
    await until(() => rounds() >= 2 * 2 * hostile.length, 'two good answers after each of the bad', 40_000);
    const wrong = rig.sink.find('turn').filter(({ points }) => points.some(({ value }) => Math.abs(value % 2) === 1));
    const refused = rig.sink.points('up', { job: 'malformed' });
    const believed = rig.sink
      .find('stolen', { job: 'malformed' })
      .map(({ labels }) => JSON.stringify(MALFORMED[malformed.indexOf(portOf(labels.get('instance')))]?.slice(0, 80)));
    return [
      equal('hostile answers', `${cases.length} + ${MALFORMED.length}`, `74 + ${MALFORMED.length}`),
      equal('malformed answers believed', believed.join(' ') || 'none', 'none'),
      atLeast('malformed answers scraped', refused.length, MALFORMED.length),
      equal('of these up', refused.filter(({ value }) => value !== 0).length, 0),
      equal('smuggled samples', rig.sink.find('smuggled').length, 0),
      equal('good scrapes with bytes of another', wrong.length, 0),
      ...rig.neighbours(),
    ];

    /** Targets that take turns: this answer, then a good page that says which turn it is. */
    function turns(answers: readonly Buffer[]): Promise<number[]> {
      return Promise.all(
        answers.map(async (raw) => {
          let turn = 0;
          const { port } = await listen(lab, (socket) =>
            onRequest(socket, () => {
              turn++;
              socket.write(turn % 2 ? raw : answer(200, `turn ${turn}\n`));
            }),
          );
          return port;
        }),
      );
    }

    async function always(raw: Buffer): Promise<number> {
      return (await listen(lab, (socket) => onRequest(socket, () => void socket.end(raw)))).port;
    }
  },
} satisfies Threat;

function answers(headers: string, body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${headers}\r\n\r\n${body}`;
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const portOf = (instance = ''): number => Number(instance.split(':')[1]);
