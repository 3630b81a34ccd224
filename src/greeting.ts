import type { WantedPipeline } from './pipeline/plan.ts';

export interface Page {
  readonly kind: string;
  readonly id: string;
  readonly address: string;
}

/** What runs and where to look, in a few lines for whoever started it. */
export function greeting(
  pipelines: readonly WantedPipeline[],
  pages: readonly Page[],
  source: string,
  version: string,
): string {
  const flows = pipelines.map(({ id, receivers, processors, exporters }) =>
    [`${id}:`, [receivers.join(' + '), ...processors, exporters.join(' + ')].join(' → ')].join(' '),
  );
  const looks = pages.map(({ kind, id, address }) => `${address}  (${kind} ${id})`);
  return [
    `dnscol ${version} runs ${source}`,
    ...flows.map((flow) => `  ${flow}`),
    ...looks.map((look, i) => `${i ? '            ' : '  look here '}${look}`),
    '  Ctrl-C ends it.',
    '',
  ].join('\n');
}
