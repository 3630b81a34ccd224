import { ExpositionError, type PageOptions, type PageParser, type ParsedPage, parsePage } from '#prometheus';

/** Pieces that break pages in interesting places. */
const PIECES = [
  ...['{', '}', '"', ',', '=', ' ', '\t', '\n', '\r\n', '\\', '\\n', '\\"', '#', '# ', '# HELP ', '# TYPE ', '# UNIT '],
  ...['# EOF', '# EOF\n', '\0', 'é', '\ufffd', ' # {', '""', '_', ':', 'a', '__name__', 'le', 'quantile', 'histogram'],
  ...[
    'summary',
    'counter',
    'NaN',
    '+Inf',
    '-Inf',
    '1e309',
    '0x1p3',
    '1_0',
    '-',
    '+',
    '.',
    '1',
    '1.5',
    '99999999999999999999',
  ],
  ...['1700000000000', '1700000000.123', '1e-400', '12345678901234567'],
].map((piece) => Buffer.from(piece));
const INVALID = Buffer.from([0xff]);

type Random = () => number;
const below = (rnd: Random, n: number): number => Math.floor(rnd() * n);

/** `body` with one to three changes: bytes or pieces put in, taken out or put over, lines moved, numbers changed. */
export function mutate(rnd: Random, body: Buffer): Buffer {
  let page = body;
  for (let n = 1 + below(rnd, 3); n > 0; n--) page = CHANGES[below(rnd, CHANGES.length)]!(rnd, page);
  return page;
}

const piece = (rnd: Random): Buffer => (rnd() < 0.03 ? INVALID : PIECES[below(rnd, PIECES.length)]!);

const splice = (page: Buffer, from: number, to: number, put: Buffer): Buffer =>
  Buffer.concat([page.subarray(0, from), put, page.subarray(to)]);

function changeLines(change: (rnd: Random, lines: string[]) => void): (rnd: Random, page: Buffer) => Buffer {
  return (rnd, page) => {
    const lines = page.toString('latin1').split('\n');
    change(rnd, lines);
    return Buffer.from(lines.join('\n'), 'latin1');
  };
}

const changeNumbers = changeLines((rnd, lines) => {
  for (let i = 0; i < lines.length; i++) {
    if (!lines[i]!.startsWith('#'))
      lines[i] = lines[i]!.replace(/ [-+.\deE]+/, ` ${below(rnd, 10) ? below(rnd, 1e6) : rnd()}`);
  }
});

const CHANGES: ((rnd: Random, page: Buffer) => Buffer)[] = [
  (rnd, page) => {
    const at = below(rnd, page.length + 1);
    return splice(page, at, at, piece(rnd));
  },
  (rnd, page) => {
    const at = below(rnd, page.length + 1);
    return splice(page, at, at + below(rnd, 5), piece(rnd));
  },
  (rnd, page) => {
    const at = below(rnd, page.length + 1);
    return splice(page, at, at + below(rnd, 5), Buffer.alloc(0));
  },
  (rnd, page) => (rnd() < 0.2 ? page.subarray(0, below(rnd, page.length + 1)) : page),
  changeNumbers,
  changeNumbers,
  changeLines((rnd, lines) => lines.splice(below(rnd, lines.length), 1 + below(rnd, 3))),
  changeLines((rnd, lines) => {
    const from = below(rnd, lines.length);
    lines.splice(below(rnd, lines.length), 0, ...lines.slice(from, from + 1 + below(rnd, 3)));
  }),
  changeLines((rnd, lines) => lines.push(...lines.splice(below(rnd, lines.length), 1 + below(rnd, 4)))),
  changeLines((rnd, lines) => {
    const at = below(rnd, lines.length);
    lines[at] = lines[at]!.replace(/(counter|gauge|histogram|summary|untyped|unknown)$/, 'histogram');
  }),
  changeLines((rnd, lines) => lines.splice(below(rnd, lines.length), 0, '# a remark')),
];

/** Bits, since NaN is not equal to itself and must be the right one. */
const bits = (numbers: Float64Array | undefined): string | undefined =>
  numbers && Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('hex');

const describePage = ({ layout, values, times, exemplars }: ParsedPage) =>
  JSON.stringify([layout.samples, bits(values), bits(times), exemplars]);

function outcome(parse: () => ParsedPage): string {
  try {
    return describePage(parse());
  } catch (error) {
    if (error instanceof ExpositionError) return error.message;
    throw error;
  }
}

/** Throws when the parser that remembers reads a page differently from one that does not. Answers whether it was good. */
export function expectSame(parser: PageParser, body: Buffer, options: PageOptions): boolean {
  // A copy that is wiped afterwards: nothing that is kept may lie in the caller's buffer.
  const lent = Buffer.from(body);
  const remembering = outcome(() => parser.parse(lent));
  lent.fill(0);
  const alone = outcome(() => parsePage(body, options));
  if (remembering !== alone) {
    throw new Error(`read differently: ${JSON.stringify(body.toString('latin1'))}\n${remembering}\n${alone}`);
  }
  return alone.startsWith('[');
}
