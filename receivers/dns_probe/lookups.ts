import { type Resolution, type ResolvConf, resolveAsLibc } from '#dns';
import type { Asker, AskerOptions } from './asker.ts';
import type { Server } from './config.ts';
import type { ProbeSpace } from './spaces.ts';
import { Counts } from './tally.ts';

/** How a lookup ended. One that was still going on when the collection ended has failed, and has no figures. */
export type Ended = Pick<Resolution, 'status'> & Partial<Resolution>;

/** What the lookups of one name in one place came to. */
export class LookupTally {
  readonly ended = new Counts<Resolution['status']>();
  /** Of this collection; undefined when there was no time for one. */
  last: Ended | undefined;

  note(resolution: Ended | undefined): void {
    this.last = resolution;
    if (resolution) this.ended.bump(resolution.status);
  }
}

/** Looks a name up as a library in the space does. `ask` bounds every query; the times to wait are the file's. */
export function lookUp(
  name: string,
  { space, conf, servers }: { space: ProbeSpace; conf: ResolvConf; servers: readonly Server[] },
  asker: Asker,
  options: AskerOptions,
  signal: AbortSignal,
): Promise<Resolution> {
  return resolveAsLibc(name, {
    conf,
    servers: servers.map(({ endpoint }) => endpoint),
    ask: (server, questions, protocol, timeout) => {
      const udpSize = conf.edns0 ? 1232 : 0;
      const asked = { ...options, timeout, udpSize, tcpOnTruncation: true, dnssecOk: false };
      return asker.ask({ space, server, protocol }, questions, asked, signal);
    },
  });
}
