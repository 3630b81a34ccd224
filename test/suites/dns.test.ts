import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { encodeName, NameReader, typeName } from '#dns';
import { cpuTime } from '../support/cpu.ts';
import { readAll } from '../support/dns-noise.ts';
import { datagrams } from '../support/pcap.ts';
import { suite } from '../support/suites.ts';

interface Verdict {
  file: string;
  size: number;
  verdict: 'valid' | 'invalid' | 'disputed';
  dnspython: { ok: boolean; id?: number; rcode?: number; answers?: number; question?: string[] };
}

const dns = suite('dns');

describe('dns: packets of other projects', () => {
  const verdicts = dns.json<Verdict[]>('verdicts.json');
  // The suite's README: some of the packets that it has verdicts on are not there.
  const present = verdicts.filter(({ file }) => existsSync(dns.path(file)));

  it('are there, all of PowerDNS at least', () => {
    const files = readdirSync(dns.path('pdns-raw')).map((name) => `pdns-raw/${name}`);
    expect(present.map(({ file }) => file)).to.include.members(files);
    expect(files).to.have.length(5);
  });

  for (const { file, size, verdict, dnspython } of present) {
    dns.holds(file, () => {
      const bytes = readFileSync(dns.path(file));
      expect(bytes).to.have.length(size);
      // The first reading compiles the reader.
      readAll(bytes);
      const memory = process.memoryUsage();
      const began = cpuTime();
      const got = readAll(bytes);
      expect(cpuTime() - began).to.be.below(10);
      const after = process.memoryUsage();
      expect(after.heapUsed + after.arrayBuffers - memory.heapUsed - memory.arrayBuffers).to.be.below(1 << 20);
      if (verdict === 'invalid') expect(got).to.equal(undefined);
      if (verdict !== 'valid') return;
      expect(got?.message).to.include({ id: dnspython.id, rcode: dnspython.rcode });
      expect(got?.message.questions.map((one) => `${one.name} IN ${typeName(one.type)}`)).to.deep.equal(
        dnspython.question,
      );
      expect(got?.texts).to.have.length(
        got!.message.answers.length + got!.message.authorities.length + got!.message.additionals.length,
      );
    });
  }
});

describe('dns: names of Knot', () => {
  const names = readdirSync(dns.path('knot-dname-wire')).map((file) => file.replace('.bin', ''));
  for (const name of names) {
    dns.holds(name, () => {
      const wire = readFileSync(dns.path('knot-dname-wire', `${name}.bin`));
      const text = readFileSync(dns.path('knot-dname-text', `${name}.txt`), 'latin1').trimEnd();
      const read = new NameReader(wire).read(0);
      expect(Buffer.from(encodeName(read)), 'read and written again').to.deep.equal(wire);
      expect(Buffer.from(encodeName(text)), 'the text that Knot has for it').to.deep.equal(wire);
    });
  }
});

describe('dns: recorded traffic', () => {
  const captures: Record<string, number> = {
    'dns.pcap': 82,
    'dns6.pcap': 2,
    'sample-bigendian.pcap.gz': 2,
    'sample-rfc1035escape.pcap.gz': 9,
    'sample.pcap.gz': 8,
  };
  for (const [file, count] of Object.entries(captures)) {
    dns.holds(file, () => {
      const raw = readFileSync(dns.path('pcap', file));
      const messages = datagrams(file.endsWith('.gz') ? gunzipSync(raw) : raw);
      expect(messages).to.have.length(count);
      for (const bytes of messages) expect(readAll(bytes), bytes.toString('hex')).not.to.equal(undefined);
    });
  }
});

dns.listIsCurrent();
