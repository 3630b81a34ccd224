import { AsyncResource } from 'node:async_hooks';
import { expect } from 'chai';
import { nodeOf, parse } from '#config';
import { type AgentEvent, type Loading, runAgent } from '../src/agent.ts';
import type { MapNode } from '../src/config/node.ts';
import type { Resolved } from '../src/config/resolve.ts';
import { telemetry } from '../src/config/service.ts';
import type { Wanted } from '../src/pipeline/plan.ts';
import { type Behaviour, type Journal, made, serviceOf, testComponent } from './support/components.ts';

function resolvedOf(components: Wanted[], pipelines: Record<string, string>, logs: object = {}): Resolved {
  const { started, pipelines: planned, ...sections } = serviceOf(components, pipelines);
  const withNodes = (list: readonly Wanted[]) => list.map((w) => ({ ...w, type: w.id, node: nodeOf({}) }));
  return {
    receivers: withNodes(sections.receivers),
    processors: withNodes(sections.processors),
    exporters: withNodes(sections.exporters),
    extensions: withNodes(sections.extensions),
    service: {
      extensions: started,
      pipelines: planned,
      telemetry: parse(telemetry, { metrics: { level: 'none' }, logs }),
    },
    issues: [],
    warnings: [],
    tree: nodeOf({}) as MapNode,
    secrets: new Set(),
    excerpts: () => undefined,
  };
}

/** An agent in this process: its events are sent by hand, and what it writes is kept. */
function launch(first: Loading) {
  let next = first;
  let loads = 0;
  let event: (e: AgentEvent) => void = () => {};
  let uncaught: (e: unknown) => void = () => {};
  let output = '';
  const watchers = new Set<() => void>();
  const stream = {
    write(text: string) {
      output += text;
      for (const look of watchers) look();
    },
  };
  const code = runAgent({
    load: async () => {
      loads++;
      return next;
    },
    source: 'test.yaml',
    version: '1.2.3',
    streams: { stdout: stream, stderr: stream },
    onEvent: (listener) => {
      event = listener;
      return () => {};
    },
    onUncaught: (listener) => {
      uncaught = listener;
      return () => {};
    },
  });
  const says = (text: string | RegExp) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (typeof text === 'string' ? !output.includes(text) : !text.test(output)) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });
  return {
    code,
    says,
    send: (e: AgentEvent) => event(e),
    throwUncaught: (e: unknown) => uncaught(e),
    loadNext: (loading: Loading) => {
      next = loading;
    },
    loads: () => loads,
    output: () => output,
  };
}

describe('runAgent', () => {
  let journal: Journal;
  beforeEach(() => {
    journal = [];
  });
  const component = (kind: Wanted['kind'], id: string, behaviour?: Behaviour, fingerprint?: string) =>
    testComponent(kind, id, journal, behaviour, fingerprint);
  const good = (...more: Wanted[]): Loading => ({
    ok: true,
    warnings: '',
    resolved: resolvedOf([component('receiver', 'r'), component('exporter', 'e'), ...more], { metrics: 'r → → e' }),
  });

  it('greets, runs until told to stop, drains, and ends with 0', async () => {
    const agent = launch(good());
    await agent.says('everything is ready');
    expect(agent.output()).to.include('dnscol 1.2.3 runs test.yaml\n  metrics: r → e\n');
    agent.send('stop');
    expect(await agent.code).to.equal(0);
    expect(journal.slice(-2)).to.deep.equal(['stop receiver r', 'stop exporter e']);
  });

  it('drains and ends with 0 when a component asks for it, and says why', async () => {
    const agent = launch(good());
    await agent.says('everything is ready');
    made.get('exporter e')!.host.shutdown('nobody comes any more');
    expect(await agent.code).to.equal(0);
    expect(agent.output()).to.match(/exporter e.*ends the agent.*nobody comes any more/);
    expect(journal.slice(-2)).to.deep.equal(['stop receiver r', 'stop exporter e']);
  });

  it('ends with 0 when a component asks for it while others still start', async () => {
    const hasty = component('exporter', 'hasty', { onStart: (host) => host.shutdown('there is no work') });
    const agent = launch({
      ok: true,
      warnings: '',
      resolved: resolvedOf([component('receiver', 'r'), hasty], { metrics: 'r → → hasty' }),
    });
    expect(await agent.code).to.equal(0);
    expect(journal).to.include('stop exporter hasty');
  });

  it('prints what is wrong with the configuration and ends with 1', async () => {
    const agent = launch({ ok: false, report: 'a.yaml:1:1: is wrong\n' });
    expect(await agent.code).to.equal(1);
    expect(agent.output()).to.equal('a.yaml:1:1: is wrong\n');
  });

  it('says in a sentence which component cannot start, and ends with 1', async () => {
    const bad = component('exporter', 'page', { failStart: 'cannot listen on 127.0.0.1:9464: the port is in use' });
    const agent = launch({
      ok: true,
      warnings: '',
      resolved: resolvedOf([component('receiver', 'r'), bad], { metrics: 'r → → page' }),
    });
    expect(await agent.code).to.equal(1);
    expect(agent.output()).to.match(
      /error cannot start exporter page: cannot listen on 127\.0\.0\.1:9464: the port is in use\n/,
    );
    expect(agent.output()).to.not.include('    at ');
  });

  it('swaps the pipelines on reload', async () => {
    const agent = launch(good());
    await agent.says('everything is ready');
    agent.loadNext({
      ok: true,
      warnings: '',
      resolved: resolvedOf([component('receiver', 'r'), component('exporter', 'e2')], { metrics: 'r → → e2' }),
    });
    agent.send('reload');
    await agent.says('the new configuration runs');
    expect(journal).to.include.members(['start exporter e2', 'stop exporter e']);
    agent.send('stop');
    expect(await agent.code).to.equal(0);
  });

  it('reports a bad file on reload and goes on with the old pipelines', async () => {
    const agent = launch(good());
    await agent.says('everything is ready');
    agent.loadNext({ ok: false, report: 'a.yaml:1:1: is wrong\n' });
    agent.send('reload');
    await agent.says('the new configuration has faults; the old one runs on');
    expect(agent.output()).to.include('a.yaml:1:1: is wrong');
    expect(journal.some((line) => line.startsWith('stop'))).to.equal(false);
    agent.send('stop');
    expect(await agent.code).to.equal(0);
  });

  it('makes one reload of those that come while one runs', async () => {
    const agent = launch(good());
    await agent.says('everything is ready');
    for (let i = 0; i < 5; i++) agent.send('reload');
    await agent.says('the new configuration runs');
    agent.send('stop');
    await agent.code;
    expect(agent.loads()).to.equal(2);
  });

  it('gives the failed component of an uncaught error a name, and goes on', async () => {
    let fail: () => void = () => {};
    const thrown = new Error('boom');
    const agent = launch(
      good(
        component('extension', 'x', {
          onStart: () => {
            fail = inThisContext(() => agent.throwUncaught(thrown));
          },
        }),
      ),
    );
    await agent.says('everything is ready');
    fail();
    await agent.says('extension x: has failed {"why":"boom"}');
    agent.send('stop');
    expect(await agent.code).to.equal(0);
  });

  it('drains and ends with 1 after an uncaught error of nobody', async () => {
    const agent = launch(good());
    await agent.says('everything is ready');
    agent.throwUncaught(new Error('boom'));
    expect(await agent.code).to.equal(1);
    expect(journal.slice(-1)).to.deep.equal(['stop exporter e']);
  });
});

/** Binds to the context of now, as a timer or a socket made here would be. */
function inThisContext(run: () => void): () => void {
  return AsyncResource.bind(run);
}
