import type { Component, Consumer, Factory, Host, Kind } from '#component';
import * as s from '#config';
import type { Wanted, WantedService } from '../../src/pipeline/plan.ts';

/** A journal of what happened to test components, in order: `start exporter a`, `consume processor b 2`. */
export type Journal = string[];

export interface Behaviour {
  failCreate?: string;
  failStart?: string;
  /** Start never ends. */
  hangStart?: boolean;
  /** Stop waits for the signal and then for ever. */
  hangStop?: boolean;
  /** Holds batches until it is stopped. */
  buffer?: boolean;
  failConsume?: unknown;
  /** Asks the host for this extension when created. */
  needs?: string;
  onStart?: (host: Host) => void;
  /** Left to who takes its place. */
  legacy?: unknown;
  queued?: boolean;
}

const schema = s.anything();

/** A component of any kind that writes what happens to it into a journal. */
export function testComponent(
  kind: Kind,
  id: string,
  journal: Journal,
  behaviour: Behaviour = {},
  fingerprint = '1',
): Wanted {
  const note = (what: string) => journal.push(`${what} ${kind} ${id}${fingerprint === '1' ? '' : `@${fingerprint}`}`);
  const create = (_config: unknown, host: Host, next?: Consumer) => {
    if (behaviour.failCreate) throw new Error(behaviour.failCreate);
    if (behaviour.needs) host.extension(behaviour.needs);
    const held: Parameters<Consumer['consume']>[0][] = [];
    note('create');
    const component: Component & Consumer & { next?: Consumer | undefined; host: Host; queued?: boolean } = {
      next,
      host,
      ...(behaviour.queued ? { queued: true } : {}),
      async start() {
        if (behaviour.failStart) throw new Error(behaviour.failStart);
        note('start');
        if (behaviour.hangStart) await new Promise(() => {});
        behaviour.onStart?.(host);
      },
      async stop(signal) {
        for (const batch of held) await next?.consume(batch, signal);
        note('stop');
        if (behaviour.hangStop) await new Promise(() => {});
      },
      legacy: () => behaviour.legacy,
      async consume(batch, signal) {
        if (behaviour.failConsume) throw behaviour.failConsume;
        note('consume');
        if (behaviour.buffer) held.push(batch);
        else await next?.consume(batch, signal);
      },
    };
    made.set(`${kind} ${id}`, component);
    return component;
  };
  const factory = { kind, type: id, summary: '', stability: 'stable', config: schema, create } as unknown as Factory;
  return { kind, id, factory, config: {}, fingerprint };
}

/** The instances made last, by `kind id`. */
export const made = new Map<string, Component & Consumer & { next?: Consumer | undefined; host: Host }>();

/** A service from components and `receivers → processors → exporters` a pipeline. */
export function serviceOf(components: Wanted[], pipelines: Record<string, string>): WantedService {
  const of = (kind: Kind) => components.filter((c) => c.kind === kind);
  const list = (text: string | undefined) => (text ?? '').split(' ').filter(Boolean);
  return {
    receivers: of('receiver'),
    processors: of('processor'),
    exporters: of('exporter'),
    extensions: of('extension'),
    started: of('extension').map((c) => c.id),
    pipelines: Object.entries(pipelines).map(([id, text]) => {
      const [receivers, processors, exporters] = text.split('→');
      return { id, receivers: list(receivers), processors: list(processors), exporters: list(exporters) };
    }),
  };
}
