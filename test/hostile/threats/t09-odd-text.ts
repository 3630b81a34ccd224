import { prometheusVerdicts, servePages, verdicts } from '../kit/pages.ts';
import { job, startRig } from '../kit/rig.ts';
import { equal, type Threat } from '../kit/threat.ts';

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** Broken UTF-8 of every kind, and sound UTF-8 that looks odd. */
const TEXTS: readonly (string | number[])[] = [
  [0xff],
  [0xfe, 0xff],
  [0x80],
  [0xc3],
  [0xc0, 0x80],
  [0xc1, 0xbf],
  [0xe0, 0x80, 0xaf],
  [0xf0, 0x80, 0x80, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xe2, 0x82],
  [0xf0, 0x9f, 0x98],
  [0xef, 0xbf, 0xbd],
  [0xef, 0xbf, 0xbe],
  [0xef, 0xbb, 0xbf],
  [0],
  [0x7f],
  [0x1b, 0x5b, 0x6d],
  '😀',
  'e\u0301',
  '\u202e',
  '\u2028',
];

const PAGES: readonly Buffer[] = [
  ...TEXTS.map((text) => bytes('a{b="x', text, 'y"} 1\n')),
  ...TEXTS.map((text) => bytes('# HELP a x', text, 'y\n# TYPE a gauge\na 1\n')),
  ...TEXTS.slice(0, 4).map((text) => bytes('a', text, ' 1\n')),
  ...TEXTS.slice(0, 4).map((text) => bytes('a{b', text, '="y"} 1\n')),
  bytes([0xef, 0xbb, 0xbf], 'a 1\n'),
  bytes('a{b="\\x"} 1\n'),
  bytes('a{b="x\ny"} 1\n'),
  bytes('a{b="x'),
];

export default {
  id: 'T09',
  title: 'invalid UTF-8, surrogates, overlong forms, NUL',
  async run(lab) {
    const rig = await startRig(lab, { warm: 500 });
    const ports = await servePages(lab, PAGES);
    await rig.attack([job('odd', ports)]);
    const ours = await verdicts(rig, 'odd', ports);
    const theirs = await prometheusVerdicts(lab, ports);
    const differ = PAGES.flatMap((page, i) =>
      ours[i] === theirs[i] ? [] : [`${JSON.stringify(page.toString('latin1'))} ${ours[i]}`],
    );
    const nul = rig.sink.find('a', { b: 'x\0y' }).length;
    return [
      equal(`verdicts unlike Prometheus', of ${PAGES.length}`, differ.join('; ') || 'none', 'none'),
      equal('pages that Prometheus refuses', theirs.filter((up) => !up).length > 20, true),
      equal('a label keeps its NUL', nul, 1),
      ...rig.neighbours(),
    ];
  },
} satisfies Threat;
