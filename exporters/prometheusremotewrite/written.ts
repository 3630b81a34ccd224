import type { IncomingHttpHeaders } from 'node:http';
import { PartialError } from '#queue';

/** What a 2.0 receiver says that it wrote of a request. */
export interface Written {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

/** It wrote a part, and will never write the rest. */
export class PartialWriteError extends PartialError {
  readonly written: Written;
  constructor(message: string, written: Written) {
    super(message, written.samples + written.histograms);
    this.written = written;
  }
}

/** One that is missing says 0 (specification, "Required Written Response Headers"); undefined when all are. */
export function writtenOf(headers: IncomingHttpHeaders): Written | undefined {
  const [samples, histograms, exemplars] = ['samples', 'histograms', 'exemplars'].map((what) =>
    count(headers[`x-prometheus-remote-write-${what}-written`]),
  );
  if (samples === undefined && histograms === undefined && exemplars === undefined) return undefined;
  return { samples: samples ?? 0, histograms: histograms ?? 0, exemplars: exemplars ?? 0 };
}

function count(value: string | string[] | undefined): number | undefined {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
