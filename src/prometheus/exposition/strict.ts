import type { ExpositionFormat } from './types.ts';
export function checkStrictly(_body: Buffer, _format: ExpositionFormat): void {}
