import { processor } from '#component';
import { MemoryLimiter } from './limiter.ts';
import { limiterConfig } from './limits.ts';
import { processMemory } from './memory.ts';

export default processor({
  type: 'memory_limiter',
  summary: 'Refuses data while memory in use is above a limit',
  stability: 'beta',
  first: true,
  config: limiterConfig,
  create: (config, host, next) => new MemoryLimiter(config, host, next, processMemory),
});
