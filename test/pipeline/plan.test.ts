import { expect } from 'chai';
import { plan } from '../../src/pipeline/plan.ts';
import { serviceOf, testComponent } from '../support/components.ts';

const component = (kind: 'receiver' | 'processor' | 'exporter' | 'extension', id: string) =>
  testComponent(kind, id, []);

describe('plan', () => {
  const service = serviceOf(
    [
      component('extension', 'x1'),
      component('extension', 'x2'),
      component('receiver', 'r1'),
      component('receiver', 'r2'),
      component('processor', 'p1'),
      component('processor', 'p2'),
      component('exporter', 'e1'),
      component('exporter', 'e2'),
    ],
    { 'metrics/a': 'r1 → p1 p2 → e1 e2', 'metrics/b': 'r1 r2 → p1 → e1' },
  );
  const nodes = plan(service);
  const node = (key: string) => nodes.find((n) => n.key === key)!;

  it('starts extensions as listed, then exporters, processors from the exporters on, receivers', () => {
    expect(nodes.map((n) => n.key)).to.deep.equal([
      'extension/x1',
      'extension/x2',
      'exporter/e1',
      'exporter/e2',
      'processor/metrics/a/p2',
      'processor/metrics/a/p1',
      'processor/metrics/b/p1',
      'receiver/r1',
      'receiver/r2',
    ]);
  });

  it('gives each pipeline a processor of its own, and one receiver or exporter to all', () => {
    expect(node('receiver/r1').next).to.deep.equal(['processor/metrics/a/p1', 'processor/metrics/b/p1']);
    expect(node('receiver/r1').pipelines).to.deep.equal(['metrics/a', 'metrics/b']);
    expect(node('exporter/e1').pipelines).to.deep.equal(['metrics/a', 'metrics/b']);
  });

  it('leads from processor to processor to all exporters of the pipeline', () => {
    expect(node('processor/metrics/a/p1').next).to.deep.equal(['processor/metrics/a/p2']);
    expect(node('processor/metrics/a/p2').next).to.deep.equal(['exporter/e1', 'exporter/e2']);
    expect(node('processor/metrics/b/p1').next).to.deep.equal(['exporter/e1']);
  });

  it('joins a receiver and exporters directly where there is no processor', () => {
    const direct = plan(
      serviceOf([component('receiver', 'r'), component('exporter', 'e')], {
        metrics: 'r → → e',
        'metrics/again': 'r → → e',
      }),
    );
    expect(direct.map((n) => [n.key, n.next])).to.deep.equal([
      ['exporter/e', []],
      ['receiver/r', ['exporter/e']],
    ]);
  });
});
