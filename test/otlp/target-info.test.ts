import { expect } from 'chai';
import { labelsOf } from '#metrics';
import { StartTimes } from '#otlp';
import { snapshotOf } from '../support/batch.ts';
import { flatPoints, otlpOf, pageOf } from '../support/otlp.ts';

const page = (instance: string, x: string) =>
  pageOf(
    [
      ['gauge', 'a', ['a']],
      ['gauge', 'target_info', ['target_info', { x }]],
    ],
    { attributes: labelsOf({ 'url.scheme': 'http' }) },
    { job: 'j', instance },
  );
const report = (instance: string, given: Record<string, string> = { 'url.scheme': 'http' }) =>
  pageOf([['gauge', 'up', ['up']]], { attributes: labelsOf(given) }, { job: 'j', instance });
const shown = (...snapshots: ReturnType<typeof snapshotOf>[]) =>
  flatPoints(otlpOf(snapshots)).map(({ metric, resource }) => [metric, resource]);

describe("a target's target_info", () => {
  const all = (x: string) => ({
    'service.name': 'j',
    'service.instance.id': '10.0.0.7:80',
    'server.address': '10.0.0.7',
    'server.port': '80',
    'url.scheme': 'http',
    x,
  });

  it('is in the resource of the series that the scrape adds, as in the Collector', () => {
    expect(shown(snapshotOf(page('10.0.0.7:80', '1'), [5, 1]), snapshotOf(report('10.0.0.7:80'), [1]))).to.deep.equal([
      ['a', all('1')],
      ['up', all('1')],
    ]);
  });

  it("says nothing of another target's series", () => {
    const [, up] = shown(snapshotOf(page('10.0.0.7:80', '1'), [5, 1]), snapshotOf(report('10.0.0.8:80'), [1]));
    expect(up![1]).to.not.have.property('x');
  });

  it('does not go over what is known of the target otherwise', () => {
    const known = report('10.0.0.7:80', { x: 'known' });
    const [, up] = shown(snapshotOf(page('10.0.0.7:80', '1'), [5, 1]), snapshotOf(known, [1]));
    expect(up![1]).to.include({ x: 'known' });
  });

  it('gives the same set at each batch while it stays the same, and another when it changes', () => {
    const starts = new StartTimes();
    const [before, after, up] = [page('10.0.0.7:80', '1'), page('10.0.0.7:80', '2'), report('10.0.0.7:80')];
    const setOf = (set: typeof before) => starts.stamp([snapshotOf(set, [5, 1]), snapshotOf(up, [1])])[1]!.snapshot.set;
    const first = setOf(before);
    expect(setOf(before)).to.equal(first);
    expect(setOf(after).resource.attributes).to.include.members(['x', '2']);
    expect(up.resource.attributes).to.not.include('x');
  });
});
