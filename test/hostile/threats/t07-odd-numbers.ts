import { until } from '../kit/agent.ts';
import { bitsOf } from '../kit/decode.ts';
import { job, startRig } from '../kit/rig.ts';
import { equal, type Threat } from '../kit/threat.ts';
import { answer, serve } from '../kit/wire.ts';

const NAN = '7ff8000000000001';
const STALE = '7ff0000000000002';

/** What a page says, and the sixteen digits of the double that Go makes of it. */
const NUMBERS: readonly (readonly [string, string])[] = [
  ['NaN', NAN],
  ['nan', NAN],
  ['+Inf', '7ff0000000000000'],
  ['-Inf', 'fff0000000000000'],
  ['Inf', '7ff0000000000000'],
  ['-0', '8000000000000000'],
  ['0', '0000000000000000'],
  ['5e-324', '0000000000000001'],
  ['2e-324', '0000000000000000'],
  ['2.2250738585072011e-308', '000fffffffffffff'],
  ['1.7976931348623157e308', '7fefffffffffffff'],
  ['9007199254740993', '4340000000000000'],
  ['9007199254740993.00000000000000000000000000001', '4340000000000001'],
  ['0.1', '3fb999999999999a'],
  ['1e23', '44b52d02c7e14af6'],
  ['123456789012345678', '437b69b4ba630f35'],
];
const REFUSED = [
  '+NaN',
  '1e309',
  '-1e309',
  '0x',
  '1_0',
  '1e',
  'Infinit',
  '٣',
  '1,5',
  'NaN(2)',
  '0x7ff0000000000002p',
  '--1',
];

export default {
  id: 'T07',
  title: 'NaN, infinities, overflow, −0, denormals',
  async run(lab) {
    const rig = await startRig(lab, { warm: 500 });
    const good = await serve(lab, (_, socket) =>
      socket.write(answer(200, NUMBERS.map(([text], i) => `number{i="${i}"} ${text}\n`).join(''))),
    );
    const bad = await Promise.all(
      REFUSED.map((text) => serve(lab, (_, socket) => socket.write(answer(200, `before 1\nodd ${text}\nafter 1\n`)))),
    );
    const refused = bad.map(({ port }) => port);
    await rig.attack([job('numbers', [good.port]), job('refused', refused)]);
    await until(() => rig.sink.points('number').length >= 2 * NUMBERS.length, 'the numbers arrived twice');
    await until(
      () => rig.sink.points('up', { job: 'refused' }).length >= 2 * REFUSED.length,
      'the others were scraped',
    );
    const got = NUMBERS.map(([, wanted], i) => {
      const points = rig.sink.points('number', { i: String(i) });
      return points.length > 0 && points.every((point) => bitsOf(point) === wanted);
    });
    const scrapedStale = rig.sink.points('number').filter((point) => bitsOf(point) === STALE).length;
    const ups = rig.sink.points('up', { job: 'refused' });
    return [
      equal('bits as Go makes them', got.filter(Boolean).length, NUMBERS.length),
      equal('staleness marks made by text', scrapedStale, 0),
      equal('overflow and nonsense that was scraped', ups.filter(({ value }) => value !== 0).length, 0),
      equal('samples of refused pages', rig.sink.points('before').length + rig.sink.points('odd').length, 0),
      ...rig.neighbours(),
    ];
  },
} satisfies Threat;
