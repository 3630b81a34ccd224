import { expect } from 'chai';
import { PROJECT } from '../support/agent.ts';
import { run, stopChildren } from '../support/children.ts';
import { peer } from '../support/peers.ts';

/** Every case of the suite at the version that test/e2e/peers/rwsender pins. */
const CASES = [
  'samples/rw2',
  'samples/rw2/_setup',
  'samples/rw2/value',
  'samples/rw2/timestamp',
  'samples/rw2/start_timestamp_for_counters',
  'samples/rw2/start_timestamp_for_histograms',
];

describe("Prometheus' remote-write sender suite on the bundle", () => {
  afterEach(stopChildren);

  it('every case passes', async () => {
    const child = run(peer('rwsender'), ['-test.v', '-test.timeout=60s'], {
      env: { DNSCOL: `${process.execPath} ${PROJECT}dist/dnscol.js` },
    });
    const { code } = await child.exit;
    const results = [...child.output().matchAll(/^ *--- (\w+): TestSender\/dnscol\/(\S+)/gm)].map(
      ([, result, name]) => `${result} ${name}`,
    );
    expect(results, child.output()).to.have.members(CASES.map((name) => `PASS ${name}`));
    expect(code).to.equal(0);
  });
});
