import { expect } from 'chai';
import { Secret } from '#config';
import { createLogs, explain, type LogOptions, oneLine } from '../../src/telemetry/logger.ts';
import { FakeClock } from '../support/clock.ts';

function logsWith(options: Partial<LogOptions> = {}) {
  const clock = new FakeClock(Date.UTC(2026, 10, 22));
  const lines: string[] = [];
  const logs = createLogs({ level: 'info', encoding: 'console', clock, write: (line) => lines.push(line), ...options });
  return { clock, lines, logs };
}

describe('createLogs', () => {
  it('writes one line an event with its component', () => {
    const { lines, logs } = logsWith();
    logs.component('receiver', 'cgroup/a').warn('cannot read', { path: '/x', n: 3n });
    logs.root.info('ready');
    expect(lines).to.deep.equal([
      '2026-11-22T00:00:00.000Z warn  receiver cgroup/a: cannot read {"path":"/x","n":"3"}\n',
      '2026-11-22T00:00:00.000Z info  ready\n',
    ]);
  });

  it("writes JSON with the Collector's names", () => {
    const { lines, logs } = logsWith({ encoding: 'json', fields: { node: 'n1' } });
    logs.component('exporter', 'debug').error('no', { error: new Error('outer', { cause: new Error('inner') }) });
    expect(JSON.parse(lines[0]!)).to.deep.equal({
      level: 'error',
      ts: '2026-11-22T00:00:00.000Z',
      msg: 'no',
      'otelcol.component.kind': 'exporter',
      'otelcol.component.id': 'debug',
      node: 'n1',
      error: 'outer: inner',
    });
  });

  it('leaves out what is below the level', () => {
    const { lines, logs } = logsWith({ level: 'warn' });
    logs.root.debug('a');
    logs.root.info('b');
    logs.root.warn('c');
    expect(lines).to.have.length(1);
  });

  it('never lets a value end the line or speak to the terminal', () => {
    const { lines, logs } = logsWith();
    logs.root.info('a\nb\u001b[31mc\u2028d', { v: 'x\ny' });
    expect(lines[0]!.trimEnd()).to.not.match(/[\n\u001b\u2028]/);
    expect(lines[0]!).to.include('a\\nb\\u001b[31mc');
  });

  it('never shows a secret', () => {
    for (const encoding of ['console', 'json'] as const) {
      const { lines, logs } = logsWith({ encoding });
      logs.root.info('x', { secret: new Secret('hunter2'), deep: { list: [new Secret('hunter2')] } });
      expect(lines[0]).to.include('[REDACTED]');
      expect(lines[0]).to.not.include('hunter2');
    }
  });

  it('thins out what repeats, by component, and begins anew each tick', () => {
    const { clock, lines, logs } = logsWith({ sampling: { tick: 10_000, initial: 2, thereafter: 5 } });
    for (let i = 0; i < 12; i++) logs.component('exporter', 'a').warn('again');
    logs.component('exporter', 'b').warn('again');
    expect(lines.filter((l) => l.includes('exporter a'))).to.have.length(4);
    expect(lines.filter((l) => l.includes('exporter b'))).to.have.length(1);
    clock.advance(10_000);
    logs.component('exporter', 'a').warn('again');
    expect(lines).to.have.length(5);
  });

  it('never leaves out what must always be said, such as twenty targets that go down together', () => {
    const { lines, logs } = logsWith({ sampling: { tick: 10_000, initial: 10, thereafter: 100 } });
    const { warn } = logs.component('receiver', 'prometheus');
    for (let i = 0; i < 20; i++) warn('scrape failed', { target: `t${i}` }, { always: true });
    expect(lines).to.have.length(20);
    for (let i = 0; i < 20; i++) warn('other', { target: `t${i}` });
    expect(lines).to.have.length(30);
  });

  it('shows the text of an event below its line, control characters but line feeds escaped', () => {
    const { lines, logs } = logsWith({ sampling: { tick: 10_000, initial: 1, thereafter: 0 } });
    logs.root.info('Metrics', { metrics: 1 }, { text: 'a\n  b\u001b[31m' });
    expect(lines).to.deep.equal(['2026-11-22T00:00:00.000Z info  Metrics {"metrics":1}\na\n  b\\u001b[31m\n']);
  });

  it('has the text of an event in JSON as one field of one line', () => {
    const { lines, logs } = logsWith({ encoding: 'json' });
    logs.root.info('Metrics', { metrics: 1 }, { text: 'a\nb' });
    expect(JSON.parse(lines[0]!)).to.include({ msg: 'Metrics', metrics: 1, text: 'a\nb' });
    expect(lines[0]!.trimEnd()).to.not.include('\n');
  });
});

describe('explain', () => {
  it('tells the causes that say something new', () => {
    const inner = new Error('connection refused');
    expect(explain(new Error('cannot send: connection refused', { cause: inner }))).to.equal(
      'cannot send: connection refused',
    );
    expect(explain(new Error('cannot send', { cause: inner }))).to.equal('cannot send: connection refused');
    expect(explain('just text')).to.equal('just text');
  });

  it('tells each of several errors', () => {
    const error = new Error('neither', { cause: new AggregateError([new Error('one'), new Error('two')]) });
    expect(explain(error)).to.equal('neither: one; two');
  });

  it('ends on causes that go in a circle', () => {
    const error: Error & { cause?: unknown } = new Error('round');
    error.cause = error;
    expect(explain(error)).to.equal('round');
  });
});

describe('oneLine', () => {
  it('keeps ordinary text, umlauts and all', () => {
    expect(oneLine('größer → 5 µs')).to.equal('größer → 5 µs');
  });
});
