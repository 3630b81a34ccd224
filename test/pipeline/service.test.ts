import { expect } from 'chai';
import type { ComponentStatus, Extension, Host } from '#component';
import type { Wanted } from '../../src/pipeline/plan.ts';
import { RolledBackError, Service } from '../../src/pipeline/service.ts';
import { createLogs } from '../../src/telemetry/logger.ts';
import { MeterRegistry } from '../../src/telemetry/meter.ts';
import { batchOf, setOf, snapshotOf } from '../support/batch.ts';
import { FakeClock } from '../support/clock.ts';
import { type Behaviour, type Journal, made, serviceOf, testComponent } from '../support/components.ts';

const batch = batchOf(snapshotOf(setOf([['a'], ['b']]), [1, 2]));
const { signal } = new AbortController();
const rejection = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => Promise.reject(new Error('no')),
    (e) => e,
  );

function harness() {
  const journal: Journal = [];
  const clock = new FakeClock();
  const lines: string[] = [];
  const meters = new MeterRegistry();
  const logs = createLogs({ level: 'debug', encoding: 'console', clock, write: (line) => lines.push(line) });
  const service = new Service({ clock, logs, meters, version: '0', drainTimeout: 1000, onShutdown: () => {} });
  const component = (kind: Wanted['kind'], id: string, behaviour?: Behaviour, fingerprint?: string) =>
    testComponent(kind, id, journal, behaviour, fingerprint);
  const emit = (id: string) => made.get(`receiver ${id}`)!.next!.consume(batch, signal);
  const take = () => journal.splice(0);
  return { journal, take, clock, lines, meters, service, component, emit };
}

describe('Service', () => {
  it('starts downstream first and stops upstream first', async () => {
    const { service, component, take } = harness();
    const parts = [
      component('extension', 'x1'),
      component('extension', 'x2'),
      component('receiver', 'r'),
      component('processor', 'p1'),
      component('processor', 'p2'),
      component('exporter', 'e'),
    ];
    await service.start(serviceOf(parts, { metrics: 'r → p1 p2 → e' }), signal);
    expect(take().filter((l) => l.startsWith('start'))).to.deep.equal([
      'start extension x1',
      'start extension x2',
      'start exporter e',
      'start processor p2',
      'start processor p1',
      'start receiver r',
    ]);
    await service.stop();
    expect(take()).to.deep.equal([
      'stop receiver r',
      'stop processor p1',
      'stop processor p2',
      'stop exporter e',
      'stop extension x2',
      'stop extension x1',
    ]);
  });

  it('names the component that cannot start, and stops those that had started', async () => {
    const { service, component, take } = harness();
    const parts = [component('receiver', 'r', { failStart: 'the port is in use' }), component('exporter', 'e')];
    const error = await rejection(service.start(serviceOf(parts, { metrics: 'r → → e' }), signal));
    expect(error.message).to.equal('cannot start receiver r');
    expect((error.cause as Error).message).to.equal('the port is in use');
    expect(take().slice(-2)).to.deep.equal(['start exporter e', 'stop exporter e']);
    expect(service.statuses()).to.deep.equal([]);
  });

  it('names the component that cannot be made', async () => {
    const { service, component, take } = harness();
    const parts = [component('receiver', 'r'), component('exporter', 'e', { failCreate: 'no such thing' })];
    const error = await rejection(service.start(serviceOf(parts, { metrics: 'r → → e' }), signal));
    expect(error.message).to.equal('cannot start exporter e');
    expect(take()).to.deep.equal([]);
  });

  it('gives up a start that does not end when the agent is stopped', async () => {
    const { service, component, take } = harness();
    const stopping = new AbortController();
    const hanging = component('receiver', 'r', { hangStart: true });
    const started = rejection(
      service.start(serviceOf([hanging, component('exporter', 'e')], { metrics: 'r → → e' }), stopping.signal),
    );
    await new Promise(setImmediate);
    stopping.abort(new Error('stopping'));
    expect((await started).message).to.equal('stopping');
    expect(take()).to.include.members(['stop receiver r', 'stop exporter e']);
  });

  it('flushes what processors hold into exporters that still run', async () => {
    const { service, component, emit, take } = harness();
    const parts = [
      component('receiver', 'r'),
      component('processor', 'p', { buffer: true }),
      component('exporter', 'e'),
    ];
    await service.start(serviceOf(parts, { metrics: 'r → p → e' }), signal);
    await emit('r');
    take();
    await service.stop();
    expect(take()).to.deep.equal(['stop receiver r', 'consume exporter e', 'stop processor p', 'stop exporter e']);
  });

  it('leaves a component behind that overstays the shared deadline', async () => {
    const { service, component, clock, lines, take } = harness();
    const parts = [component('receiver', 'r', { hangStop: true }), component('exporter', 'e')];
    await service.start(serviceOf(parts, { metrics: 'r → → e' }), signal);
    const stopped = service.stop();
    await clock.advance(1000);
    expect(take()).to.not.include('stop exporter e');
    await clock.advance(100);
    await stopped;
    expect(take()).to.deep.equal(['stop exporter e']);
    expect(lines.join('')).to.match(/receiver r: did not stop cleanly .*did not stop before the deadline/);
    expect(clock.pending).to.equal(0);
  });

  it("counts at every edge under the Collector's names", async () => {
    const { service, component, emit, meters } = harness();
    const parts = [
      component('receiver', 'r'),
      component('processor', 'p'),
      component('exporter', 'e'),
      component('exporter', 'bad', { failConsume: new Error('full') }),
    ];
    await service.start(serviceOf(parts, { metrics: 'r → p → e', 'metrics/2': 'r → → bad' }), signal);
    await rejection(emit('r'));
    expect(meters.value('otelcol_receiver_refused_metric_points', { receiver: 'r' })).to.equal(2);
    expect(meters.value('otelcol_receiver_accepted_metric_points', { receiver: 'r' })).to.equal(0);
    expect(meters.value('otelcol_processor_incoming_items', { processor: 'p' })).to.equal(2);
    expect(meters.value('otelcol_processor_outgoing_items', { processor: 'p', otel_signal: 'metrics' })).to.equal(2);
    expect(meters.value('otelcol_exporter_sent_metric_points', { exporter: 'e' })).to.equal(2);
    expect(meters.value('otelcol_exporter_send_failed_metric_points', { exporter: 'bad' })).to.equal(2);
    await service.stop();
    expect(meters.value('otelcol_exporter_sent_metric_points')).to.equal(undefined);
  });

  it('says once a minute how many points of a receiver were refused, and why; all of them by the end', async () => {
    const { service, component, emit, clock, lines, meters } = harness();
    const parts = [component('receiver', 'r'), component('exporter', 'e', { failConsume: new Error('queue full') })];
    await service.start(serviceOf(parts, { metrics: 'r → → e' }), signal);
    const said = () =>
      lines.flatMap((line) => /warn +receiver r: (\d+) metric points were refused/.exec(line)?.[1] ?? []);
    for (let i = 0; i < 3; i++) await rejection(emit('r'));
    expect(said()).to.deep.equal(['2']);
    expect(lines.at(-1)).to.include('queue full');
    await clock.advance(60_000);
    for (let i = 0; i < 4; i++) await rejection(emit('r'));
    expect(said()).to.deep.equal(['2', '6']);
    expect(meters.value('otelcol_receiver_refused_metric_points', { receiver: 'r' })).to.equal(14);
    await service.stop();
    expect(said()).to.deep.equal(['2', '6', '6']);
  });

  it('leaves counting to an exporter that has a queue', async () => {
    const { service, component, emit, meters } = harness();
    const parts = [component('receiver', 'r'), component('exporter', 'e', { queued: true })];
    await service.start(serviceOf(parts, { metrics: 'r → → e' }), signal);
    await emit('r');
    expect(meters.value('otelcol_exporter_sent_metric_points')).to.equal(undefined);
  });

  it('tells extensions of readiness, statuses and draining', async () => {
    const { service, component } = harness();
    const told: string[] = [];
    const extension = component('extension', 'x');
    const watched: Wanted = {
      ...extension,
      factory: {
        ...extension.factory,
        create: (): Extension => ({
          onReady: () => told.push('ready'),
          onDraining: () => told.push('draining'),
          onStatus: ({ kind, id, status }: ComponentStatus) => told.push(`${kind} ${id} ${status}`),
        }),
      } as Wanted['factory'],
    };
    const parts = [watched, component('receiver', 'r'), component('exporter', 'e')];
    await service.start(serviceOf(parts, { metrics: 'r → → e' }), signal);
    const host: Host = made.get('exporter e')!.host;
    host.report('recoverable', 'a bad day');
    host.report('recoverable', 'a bad day');
    host.report('ok');
    await service.stop();
    expect(told.filter((t) => !t.endsWith('stopped'))).to.deep.equal([
      'extension x ok',
      'exporter e ok',
      'receiver r ok',
      'ready',
      'exporter e recoverable',
      'exporter e ok',
      'draining',
    ]);
  });

  it('tells the log of trouble that comes and goes once a minute, and not at all when the component did', async () => {
    const { service, component, lines, clock } = harness();
    await service.start(
      serviceOf([component('receiver', 'r'), component('exporter', 'e')], { metrics: 'r → → e' }),
      signal,
    );
    const [flapping, itself] = [made.get('receiver r')!.host, made.get('exporter e')!.host];
    for (let i = 0; i < 90; i++) {
      flapping.report('recoverable', 'a bad day');
      flapping.report('ok');
      itself.report('recoverable', 'no answer', 'said');
      await clock.advance(1000);
    }
    expect(lines.filter((line) => line.includes('r: is in trouble {"why":"a bad day"}'))).to.have.length(2);
    expect(lines.filter((line) => line.includes('r: is well again'))).to.have.length(2);
    expect(lines.filter((line) => line.includes('exporter e:'))).to.deep.equal([]);
    await service.stop();
  });

  describe('reload', () => {
    it('keeps what did not change, with what it holds, and swaps the rest', async () => {
      const { service, component, emit, take } = harness();
      const kept = [component('receiver', 'r'), component('processor', 'p', { buffer: true })];
      const wiring = { metrics: 'r → p → e' };
      await service.start(serviceOf([...kept, component('exporter', 'e')], wiring), signal);
      await emit('r');
      take();
      await service.reload(serviceOf([...kept, component('exporter', 'e', {}, '2')], wiring), signal);
      expect(take()).to.deep.equal(['create exporter e@2', 'stop exporter e', 'start exporter e@2']);
      await service.stop();
      expect(take()).to.deep.equal([
        'stop receiver r',
        'consume exporter e@2',
        'stop processor p',
        'stop exporter e@2',
      ]);
    });

    it('adds and takes away pipelines around a receiver that stays', async () => {
      const { service, component, emit, take } = harness();
      const [r, e1, e2] = [component('receiver', 'r'), component('exporter', 'e1'), component('exporter', 'e2')];
      await service.start(serviceOf([r, e1], { metrics: 'r → → e1' }), signal);
      await service.reload(serviceOf([r, e2], { 'metrics/new': 'r → → e2' }), signal);
      take();
      await emit('r');
      expect(take()).to.deep.equal(['consume exporter e2']);
    });

    it('hands what an instance leaves to the one in its place, once, and to the old again when the new does not start', async () => {
      const { service, component } = harness();
      const found: unknown[] = [];
      const heir = (print: string, legacy?: unknown) =>
        component(
          'receiver',
          'r',
          { legacy, onStart: (host) => found.push(host.inherited(), host.inherited()) },
          print,
        );
      const wiring = { metrics: 'r → → e' };
      const e = component('exporter', 'e');
      await service.start(serviceOf([heir('1', 'first'), e], wiring), signal);
      await service.reload(serviceOf([heir('2', 'second'), e], wiring), signal);
      await service.reload(serviceOf([component('receiver', 'q'), e], { metrics: 'q → → e' }), signal);
      await service.reload(serviceOf([heir('3', 'third'), e], wiring), signal);
      expect(found.splice(0), 'nothing is kept beyond a reload').to.deep.equal([
        ...[undefined, undefined],
        ...['first', undefined],
        ...[undefined, undefined],
      ]);
      const bad = component('receiver', 'r', { failStart: 'no' }, '4');
      await rejection(service.reload(serviceOf([bad, e], wiring), signal));
      expect(found).to.deep.equal(['third', undefined]);
    });

    it('sets up the old again when the new cannot start', async () => {
      const { service, component, emit, take } = harness();
      const r = component('receiver', 'r');
      const wiring = { metrics: 'r → → e' };
      await service.start(serviceOf([r, component('exporter', 'e')], wiring), signal);
      const bad = component('exporter', 'e', { failStart: 'the port is in use' }, '2');
      const error = await rejection(service.reload(serviceOf([r, bad], wiring), signal));
      expect(error).to.be.instanceOf(RolledBackError);
      take();
      await emit('r');
      expect(take()).to.deep.equal(['consume exporter e']);
      expect(service.statuses().map((s) => `${s.kind} ${s.id} ${s.status}`)).to.deep.equal([
        'exporter e ok',
        'receiver r ok',
      ]);
    });

    it('tells extensions that all is ready again after the way back', async () => {
      const { service, component } = harness();
      const told: string[] = [];
      const watching = (fingerprint: string): Wanted => {
        const extension = component('extension', 'x', {}, fingerprint);
        const create = (): Extension => ({ onReady: () => told.push(`ready ${fingerprint}`) });
        return { ...extension, factory: { ...extension.factory, create } as Wanted['factory'] };
      };
      const r = component('receiver', 'r');
      const wiring = { metrics: 'r → → e' };
      await service.start(serviceOf([watching('1'), r, component('exporter', 'e')], wiring), signal);
      const bad = component('exporter', 'e', { failStart: 'no' }, '2');
      await rejection(service.reload(serviceOf([watching('2'), r, bad], wiring), signal));
      expect(told).to.deep.equal(['ready 1', 'ready 1']);
    });

    it('sets nothing up again when the agent is stopped in the middle', async () => {
      const { service, component, take } = harness();
      const stopping = new AbortController();
      const r = component('receiver', 'r');
      const wiring = { metrics: 'r → → e' };
      await service.start(serviceOf([r, component('exporter', 'e')], wiring), stopping.signal);
      const next = component('exporter', 'e', { onStart: () => stopping.abort(new Error('stopping')) }, '2');
      const error = await rejection(service.reload(serviceOf([r, next], wiring), stopping.signal));
      expect(error.message).to.equal('stopping');
      take();
      await service.stop();
      expect(take()).to.deep.equal(['stop receiver r']);
    });

    it('touches nothing when a new component cannot be made', async () => {
      const { service, component, take } = harness();
      const parts = [component('receiver', 'r'), component('exporter', 'e')];
      await service.start(serviceOf(parts, { metrics: 'r → → e' }), signal);
      take();
      const bad = [parts[0]!, component('exporter', 'e', { failCreate: 'no' }, '2')];
      expect(await rejection(service.reload(serviceOf(bad, { metrics: 'r → → e' }), signal))).to.be.instanceOf(
        RolledBackError,
      );
      expect(take()).to.deep.equal([]);
    });

    it('holds batches of a receiver that stays until the new pipeline runs', async () => {
      const { service, component, emit, take } = harness();
      const r = component('receiver', 'r');
      const wiring = { metrics: 'r → → e' };
      await service.start(serviceOf([r, component('exporter', 'e')], wiring), signal);
      const pushed: Promise<void>[] = [];
      const next = component('exporter', 'e', { onStart: () => pushed.push(emit('r')) }, '2');
      await service.reload(serviceOf([r, next], wiring), signal);
      await Promise.all(pushed);
      expect(take().slice(-2)).to.deep.equal(['start exporter e@2', 'consume exporter e@2']);
    });

    it('replaces a component whose extension is replaced', async () => {
      const { service, component, take } = harness();
      const wiring = { metrics: 'r → → e' };
      const parts = [component('receiver', 'r'), component('exporter', 'e', { needs: 'auth' })];
      await service.start(serviceOf([component('extension', 'auth'), ...parts], wiring), signal);
      take();
      await service.reload(serviceOf([component('extension', 'auth', {}, '2'), ...parts], wiring), signal);
      expect(take()).to.include.members(['stop exporter e', 'start exporter e', 'start extension auth@2']);
    });

    it('replaces a component that has failed', async () => {
      const { service, component, take } = harness();
      const parts = [component('receiver', 'r'), component('exporter', 'e')];
      await service.start(serviceOf(parts, { metrics: 'r → → e' }), signal);
      made.get('exporter e')!.host.report('permanent', 'broken');
      take();
      await service.reload(serviceOf(parts, { metrics: 'r → → e' }), signal);
      expect(take()).to.deep.equal(['create exporter e', 'stop exporter e', 'start exporter e']);
    });
  });
});
