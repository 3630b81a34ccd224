import { type Extension, extension, type Host } from '#component';
import { queueFolder, takeFolder } from '#queue';
import { type Config, config } from './options.ts';

export default extension<Config>({
  type: 'file_storage',
  summary: 'Room on disk for what exporters have not sent yet: their sending queues outlive the process.',
  stability: 'beta',
  stores: true,
  config,
  create,
});

function create(options: Config, host: Host): Extension {
  const { directory, fsync } = options;
  const maxBytes = options.max_size || Number.POSITIVE_INFINITY;
  let release = async () => {};
  return {
    async start(signal) {
      const { clock } = host;
      const mode = Number.parseInt(options.directory_permissions, 8);
      const how = { create: options.create_directory, mode, timeout: options.timeout, clock, signal };
      const { lock, trouble } = await takeFolder(directory, how);
      if (lock) release = () => lock.release();
      if (!trouble) return;
      host.log.warn('the disk cannot be used; queues go on in memory', { directory, error: trouble });
      host.report('recoverable', `cannot use ${directory}`);
    },
    async stop() {
      await release();
      release = async () => {};
    },
    storage: { lend: (kind, id) => ({ folder: queueFolder(directory, kind, id), maxBytes, fsync }) },
  };
}
