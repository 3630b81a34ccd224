import type { EncoderOptions } from '#prometheus';

/** Series as they are, in one lane. */
export const PLAIN: EncoderOptions = {
  lanes: 1,
  maxLength: 1_000_000,
  externalLabels: [],
  namespace: '',
  suffixes: false,
  resourceLabels: 'none',
  targetInfo: true,
  escape: true,
};
