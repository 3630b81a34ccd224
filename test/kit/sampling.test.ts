import { expect } from 'chai';
import { SampledCounter, SampledGauge, sampling } from '#kit';
import { FakeClock } from '../support/clock.ts';

describe('sampling', () => {
  it('looks at fixed moments until it is stopped', async () => {
    const clock = new FakeClock();
    const looks: number[] = [];
    const made = sampling(clock, 100, (now) => looks.push(now));
    made.start();
    made.start();
    await clock.advance(350);
    expect(looks).to.deep.equal([100, 200, 300]);
    made.stop();
    await clock.advance(1000);
    expect(looks).to.have.length(3);
    expect(clock.pending).to.equal(0);
  });

  it('wakes up once for all that look equally often', async () => {
    const clock = new FakeClock();
    const looks: string[] = [];
    const note = (who: string) => sampling(clock, 100, (now) => looks.push(`${who} ${now}`));
    const [a, b] = [note('a'), note('b')];
    const rare = sampling(clock, 250, (now) => looks.push(`rare ${now}`));
    a.start();
    rare.start();
    await clock.advance(150);
    b.start();
    expect(clock.pending).to.equal(2);
    await clock.advance(150);
    expect(looks).to.deep.equal(['a 100', 'a 200', 'b 200', 'rare 250', 'a 300', 'b 300']);
    a.stop();
    rare.stop();
    await clock.advance(100);
    expect(looks.slice(6)).to.deep.equal(['b 400']);
    b.stop();
    b.stop();
    expect(clock.pending).to.equal(0);
    a.start();
    await clock.advance(100);
    expect(looks.slice(7)).to.deep.equal(['a 500']);
    a.stop();
  });
});

describe('SampledGauge', () => {
  it('reports the last value, the peak, and the time at the limit', () => {
    const gauge = new SampledGauge();
    for (const [value, at] of [
      [1, 0],
      [21, 100],
      [21, 200],
      [20, 300],
      [5, 400],
    ] as const)
      gauge.note(value, at, 21);
    expect(gauge.collect()).to.deep.equal({ last: 5, peak: 21, atLimitSeconds: 0.2 });
  });

  it('begins the next collection with the value of now, and goes on counting time', () => {
    const gauge = new SampledGauge();
    gauge.note(30, 0, 21);
    gauge.note(30, 1000, 21);
    gauge.collect();
    gauge.note(25, 1500, 21);
    expect(gauge.collect()).to.deep.equal({ last: 25, peak: 30, atLimitSeconds: 1.5 });
    gauge.note(1, 2000, 21);
    expect(gauge.collect()).to.deep.equal({ last: 1, peak: 25, atLimitSeconds: 2 });
    gauge.note(1, 3000, 21);
    expect(gauge.collect()).to.deep.equal({ last: 1, peak: 1, atLimitSeconds: 2 });
  });

  it('sees a burst of one second in a collection of sixty, right to one sample', () => {
    const gauge = new SampledGauge();
    const valueAt = (ms: number) => (ms >= 30_050 && ms < 31_050 ? 21 : 2);
    for (let ms = 0; ms <= 60_000; ms += 100) gauge.note(valueAt(ms), ms, 21);
    const { last, peak, atLimitSeconds } = gauge.collect();
    expect({ last, peak }).to.deep.equal({ last: 2, peak: 21 });
    expect(atLimitSeconds).to.be.closeTo(1, 0.1);
  });
});

describe('SampledCounter', () => {
  const run = (totalAt: (ms: number) => number, every = 100, end = 60_000) => {
    const counter = new SampledCounter();
    for (let ms = 0; ms <= end; ms += every) counter.note(totalAt(ms), ms);
    return counter;
  };
  /** 1,024 a second from 30.05 s to 31.05 s, nothing otherwise. */
  const burst = (ms: number) => Math.round(1.024 * Math.min(Math.max(ms - 30_050, 0), 1000));

  it('sees the height of a burst of one second, right to one sample', () => {
    const { total, peakPerSecond } = run(burst).collect();
    expect(total).to.equal(1024);
    expect(peakPerSecond).to.be.closeTo(1024, 103);
  });

  it('does not stretch a shorter burst to a second', () => {
    expect(run((ms) => (ms >= 500 ? 10 : 0)).collect().peakPerSecond).to.equal(10);
  });

  it('gives the rate where looks are rarer than a second', () => {
    expect(run((ms) => ms / 100, 5000).collect().peakPerSecond).to.equal(10);
  });

  it('takes a counter that falls for one that began anew', () => {
    const counter = run((ms) => (ms < 30_000 ? 1_000_000 : 5));
    expect(counter.collect()).to.deep.equal({ total: 5, peakPerSecond: 0 });
  });

  it('begins each collection with a new peak', () => {
    const counter = run(burst);
    counter.collect();
    counter.note(1024, 60_100);
    expect(counter.collect()).to.deep.equal({ total: 1024, peakPerSecond: 0 });
  });
});
