import type { Clock } from '#clock';
import type { Batch } from '#metrics';
import {
  createMetadataEncoder,
  createRemoteWrite2Encoder,
  createRemoteWriteEncoder,
  type Encoded,
  type RemoteWriteEncoder,
  type WriteBody,
} from '#prometheus';
import { type Config, laneCount, translateOptions } from './options.ts';

const METADATA_INTERVAL = 60_000;

/** Batches as request bodies of either version. */
export interface Encoding {
  /** What `encode` would have to do for large sets for the first time; undefined when there is nothing of the kind. */
  prepare(batch: Batch, version: 1 | 2, turn: () => Promise<void>): Promise<void> | undefined;
  encode(batch: Batch, version: 1 | 2): Encoded;
  recycle(body: WriteBody): void;
}

/** Keeps the templates of one version, the one that is spoken. */
export function createEncoding(options: Config, clock: Clock): Encoding {
  let current: { version: 1 | 2; encoder: RemoteWriteEncoder } | undefined;
  const common = (version: 1 | 2) => ({
    ...translateOptions(options, version),
    maxLength: options.max_batch_size_bytes,
    lanes: laneCount(options),
  });
  const metadata = options.send_metadata
    ? createMetadataEncoder({ ...common(1), clock, interval: METADATA_INTERVAL })
    : () => [];

  function encoderOf(version: 1 | 2): RemoteWriteEncoder {
    if (current?.version !== version) {
      const create = version === 2 ? createRemoteWrite2Encoder : createRemoteWriteEncoder;
      current = { version, encoder: create(common(version)) };
    }
    return current.encoder;
  }

  return {
    prepare: (batch, version, turn) => encoderOf(version).prepare?.(batch, turn),
    encode(batch, version) {
      const encoded = encoderOf(version).encode(batch);
      return version === 2 ? encoded : { ...encoded, bodies: [...metadata(batch), ...encoded.bodies] };
    },
    recycle: (body) => current?.encoder.recycle(body),
  };
}
