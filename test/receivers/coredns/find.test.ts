import { expect } from 'chai';
import { createHttpClient } from '#http';
import type { TargetGroup } from '#prometheus';
import type { Page } from '../../../receivers/coredns/endpoints.ts';
import { findPages } from '../../../receivers/coredns/find.ts';
import { FakeClock } from '../../support/clock.ts';
import { closeServers, httpServer, until } from '../../support/servers.ts';

describe('receivers/coredns find', () => {
  const clock = new FakeClock();
  const client = createHttpClient({}, clock);
  afterEach(closeServers);
  after(() => client.close());

  const page = (port: number): Page => ({
    kind: 'node-local-dns',
    url: new URL(`http://127.0.0.1:${port}/metrics`),
    guessed: true,
  });

  it('takes a page with series of these servers, when it comes, and keeps it when it goes', async () => {
    let body = 'localdns_service_status{status="active"} 1\n';
    const server = await httpServer((_req, res) => res.end(body));
    const found: Page[] = [];
    const updates: (readonly TargetGroup[])[] = [];
    const discovery = findPages(
      {
        client,
        clock,
        pages: [page(server.port)],
        interval: 1000,
        timeout: 500,
        userAgent: 'test',
        found: (one) => found.push(one),
      },
      undefined,
    );
    await discovery.start((groups) => updates.push(groups));
    expect(updates).to.deep.equal([]);

    body = '# HELP coredns_build_info x\ncoredns_build_info 1\n';
    await clock.advance(1000);
    await until(() => updates.length === 1);
    expect(found).to.have.length(1);
    expect(updates[0]![0]!.labels.get('job')).to.equal('node-local-dns');
    expect(updates[0]![0]!.targets[0]!.get('__address__')).to.equal(`127.0.0.1:${server.port}`);

    await server.close();
    await clock.advance(5000);
    await discovery.stop();
    expect(updates).to.have.length(1);
    expect(clock.pending).to.equal(0);
  });

  it('a page that hangs or is not there is not found, and does not keep stop waiting', async () => {
    let asked = 0;
    const server = await httpServer(() => {
      asked++;
    });
    const parts = { client, clock, pages: [page(server.port)], interval: 1000, timeout: 500, userAgent: 'test' };
    const discovery = findPages({ ...parts, found: () => expect.fail('it is not there') }, undefined);
    const started = discovery.start(() => expect.fail('there is nothing'));
    await until(() => asked === 1);
    await clock.advance(500);
    await started;
    await clock.advance(1000);
    await until(() => asked === 2);
    await discovery.stop();
    expect(clock.pending).to.equal(0);
  });
});
