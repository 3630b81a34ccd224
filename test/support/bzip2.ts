/** Unpacks bzip2, for suites that come so: Node has no such thing. Checksums are not looked at. */
export function bunzip2(packed: Uint8Array): Buffer {
  const bits = bitReader(packed);
  if (bits.take(24) !== 0x425a68) throw new Error('not bzip2');
  const blockSize = (bits.take(8) - 0x30) * 100_000;
  const out: Buffer[] = [];
  for (;;) {
    const mark = [bits.take(24), bits.take(24)];
    if (mark[0] === 0x177245) return Buffer.concat(out);
    if (mark[0] !== 0x314159 || mark[1] !== 0x265359) throw new Error('a bzip2 block does not begin where it should');
    out.push(unpackBlock(bits, blockSize));
  }
}

type Bits = ReturnType<typeof bitReader>;

function bitReader(from: Uint8Array) {
  let at = 0;
  let held = 0;
  let count = 0;
  return {
    /** The next `n` bits, at most 24. */
    take(n: number): number {
      while (count < n) {
        held = ((held << 8) | from[at++]!) & 0x7fffffff;
        count += 8;
      }
      count -= n;
      const value = (held >>> count) & ((1 << n) - 1);
      held &= (1 << count) - 1;
      return value;
    },
  };
}

function unpackBlock(bits: Bits, blockSize: number): Buffer {
  bits.take(16);
  bits.take(16);
  if (bits.take(1)) throw new Error('a randomised bzip2 block');
  const origin = bits.take(24);
  const symbols = symbolsInUse(bits);
  const tableCount = bits.take(3);
  const selectors = readSelectors(bits, tableCount);
  const tables = Array.from({ length: tableCount }, () => readTable(bits, symbols.length + 2));
  const { column, counts } = readColumn(bits, symbols, selectors, tables, blockSize);
  return undoRuns(undoTransform(column, counts, origin));
}

function symbolsInUse(bits: Bits): number[] {
  const groups = bits.take(16);
  const symbols: number[] = [];
  for (let i = 0; i < 16; i++) {
    if (!(groups & (0x8000 >> i))) continue;
    const used = bits.take(16);
    for (let j = 0; j < 16; j++) if (used & (0x8000 >> j)) symbols.push(i * 16 + j);
  }
  return symbols;
}

function readSelectors(bits: Bits, tableCount: number): number[] {
  const order = Array.from({ length: tableCount }, (_, i) => i);
  return Array.from({ length: bits.take(15) }, () => {
    let at = 0;
    while (bits.take(1)) at++;
    order.unshift(...order.splice(at, 1));
    return order[0]!;
  });
}

/** A canonical Huffman code: for each length, the last code of that length and where its symbols begin. */
interface Table {
  limits: number[];
  offsets: number[];
  symbols: number[];
}

function readTable(bits: Bits, size: number): Table {
  let length = bits.take(5);
  const lengths = Array.from({ length: size }, () => {
    while (bits.take(1)) length += bits.take(1) ? -1 : 1;
    return length;
  });
  const table: Table = { limits: [], offsets: [], symbols: [] };
  let code = 0;
  for (let l = 1; l <= 20; l++) {
    const ofLength = lengths.flatMap((one, symbol) => (one === l ? [symbol] : []));
    table.offsets[l] = table.symbols.length - code;
    table.symbols.push(...ofLength);
    code += ofLength.length;
    table.limits[l] = code - 1;
    code <<= 1;
  }
  return table;
}

function readSymbol(bits: Bits, { limits, offsets, symbols }: Table): number {
  let code = 0;
  for (let l = 1; l <= 20; l++) {
    code = (code << 1) | bits.take(1);
    if (code <= limits[l]!) return symbols[code + offsets[l]!]!;
  }
  throw new Error('a bzip2 code that no symbol has');
}

/** Huffman codes, runs of zeros and move-to-front, back to the transform's last column. */
function readColumn(bits: Bits, symbols: readonly number[], selectors: number[], tables: Table[], blockSize: number) {
  const front = [...symbols];
  const column = new Uint32Array(blockSize);
  const counts = new Uint32Array(256);
  let length = 0;
  let run = 0;
  let weight = 1;
  const put = (byte: number, times: number) => {
    column.fill(byte, length, length + times);
    counts[byte]! += times;
    length += times;
  };
  for (let i = 0; ; i++) {
    const symbol = readSymbol(bits, tables[selectors[Math.floor(i / 50)]!]!);
    if (symbol <= 1) {
      run += weight << symbol;
      weight <<= 1;
      continue;
    }
    if (run > 0) put(front[0]!, run);
    run = 0;
    weight = 1;
    if (symbol === symbols.length + 1) return { column: column.subarray(0, length), counts };
    front.unshift(...front.splice(symbol - 1, 1));
    put(front[0]!, 1);
  }
}

/** Undoes the Burrows–Wheeler transform. The upper 24 bits of each cell link to the one that follows. */
function undoTransform(column: Uint32Array, counts: Uint32Array, origin: number): Uint8Array {
  const starts = new Uint32Array(256);
  for (let i = 1; i < 256; i++) starts[i] = starts[i - 1]! + counts[i - 1]!;
  for (let i = 0; i < column.length; i++) {
    const byte = column[i]! & 0xff;
    column[starts[byte]!]! |= i << 8;
    starts[byte]!++;
  }
  const out = new Uint8Array(column.length);
  let at = column[origin]! >>> 8;
  for (let i = 0; i < out.length; i++) {
    out[i] = column[at]! & 0xff;
    at = column[at]! >>> 8;
  }
  return out;
}

/** After four equal bytes comes how many more there are. */
function undoRuns(bytes: Uint8Array): Buffer {
  const out: number[] = [];
  let same = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    same = i > 0 && byte === bytes[i - 1] && same > 0 ? same + 1 : 1;
    out.push(byte);
    if (same < 4) continue;
    for (let more = bytes[++i]!; more > 0; more--) out.push(byte);
    same = 0;
  }
  return Buffer.from(out);
}
