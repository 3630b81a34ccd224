/** A line has more bytes than are taken. */
export class LongLineError extends Error {
  override readonly name = 'LongLineError';
}

const NEWLINE = 0x0a;

/**
 * The lines of a stream, as it comes in whatever pieces, without their line ends. Holds one line at a time, and rejects with
 * a LongLineError when that exceeds `limit` bytes. What follows the last line end is no line: it was cut off.
 */
export async function* linesOf(stream: AsyncIterable<Buffer>, limit: number): AsyncGenerator<string> {
  let held = Buffer.alloc(0);
  let length = 0;
  const hold = (piece: Buffer) => {
    if (length + piece.length > limit) throw new LongLineError(`a line is longer than ${limit} bytes`);
    // Doubling: a line may come byte by byte.
    if (length + piece.length > held.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * held.length, length + piece.length, 1024));
      held.copy(larger, 0, 0, length);
      held = larger;
    }
    length += piece.copy(held, length);
  };
  for await (const chunk of stream) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      if (length > 0) hold(chunk.subarray(from, end));
      else if (end - from > limit) throw new LongLineError(`a line is longer than ${limit} bytes`);
      const line = length > 0 ? held.toString('utf8', 0, length) : chunk.toString('utf8', from, end);
      length = 0;
      from = end + 1;
      yield line;
    }
    if (from < chunk.length) hold(chunk.subarray(from));
    else if (held.length > KEPT) held = Buffer.alloc(0);
  }
}

/** Room that is kept for the next line. */
const KEPT = 64 * 1024;
