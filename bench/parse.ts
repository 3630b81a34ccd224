// CPU per sample of reading a page, beside the usual way in the same process. `node bench/parse.ts [seconds]`
import { createPageParser, type ExpositionFormat, parsePage } from '#prometheus';
import { random } from '../test/support/random.ts';

const seconds = Number(process.argv[2] ?? 1);
const FAMILIES = 100;
const rcodes = ['NOERROR', 'NXDOMAIN', 'SERVFAIL', 'REFUSED'];
const bounds = ['0.00025', '0.0005', '0.001', '0.002', '0.004', '0.008', '0.016', '0.032', '0.064', '+Inf'];

/** A page of 1,000 samples like CoreDNS', with other numbers each time; `churn` is the share of lines that come and go. */
function page(rnd: () => number, timestamps: boolean, churn = 0): Buffer {
  const lines: string[] = [];
  for (let f = 0; f < FAMILIES; f++) {
    lines.push(
      `# HELP coredns_dns_request_duration_${f}_seconds Histogram of the time (in seconds) each request took.`,
    );
    lines.push(`# TYPE coredns_dns_request_duration_${f}_seconds histogram`);
    for (const le of bounds) {
      const pod = rnd() < churn ? Math.floor(rnd() * 1e6) : f;
      const labels = `rcode="${rcodes[f % 4]}",pod="${pod}",server="dns://:53",view="",zone=".",le="${le}"`;
      const value = rnd() < 0.2 ? rnd() : Math.floor(rnd() * 1e6);
      const time = timestamps ? ` ${1_700_000_000_000 + Math.floor(rnd() * 1e9)}` : '';
      lines.push(`coredns_dns_request_duration_${f}_seconds_bucket{${labels}} ${value}${time}`);
    }
  }
  return Buffer.from(`${lines.join('\n')}\n`);
}

/** Split and regular expressions, an object a sample: how a page is mostly read in JavaScript. */
function usualWay(body: Buffer): unknown[] {
  const samples: unknown[] = [];
  for (const line of body.toString('utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const found = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+(\d+))?$/.exec(line);
    if (!found) throw new Error(line);
    const labels: Record<string, string> = {};
    for (const label of found[2]?.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/g) ?? [])
      labels[label[1]!] = label[2]!;
    samples.push({ name: found[1], labels, value: Number(found[3]), timestamp: found[4] && Number(found[4]) });
  }
  return samples;
}

/** Nanoseconds of CPU per sample. */
function measure(pages: readonly Buffer[], parse: (body: Buffer) => unknown): number {
  const rounds = (ms: number) => {
    const end = performance.now() + ms;
    let n = 0;
    const started = process.cpuUsage();
    for (; performance.now() < end; n++) parse(pages[n % pages.length]!);
    const { user, system } = process.cpuUsage(started);
    return ((user + system) * 1000) / (n * FAMILIES * bounds.length);
  };
  rounds(300);
  // The least of three is nearest to the truth on a machine that others use.
  return Math.min(rounds(seconds * 333), rounds(seconds * 333), rounds(seconds * 333));
}

const rnd = random(1);
const pages = (timestamps: boolean, churn = 0) => Array.from({ length: 8 }, () => page(rnd, timestamps, churn));
const cached = (format: ExpositionFormat = 'text') => {
  const parser = createPageParser({ format });
  return (body: Buffer) => parser.parse(body);
};
const openMetrics = (bodies: Buffer[]) => bodies.map((body) => Buffer.concat([body, Buffer.from('# EOF\n')]));

const plain = pages(false);
const usual = measure(plain, usualWay);
const rows: [what: string, ns: number][] = [
  ['split and regular expressions', usual],
  ['unchanged layout', measure(plain, cached())],
  ['unchanged layout, OpenMetrics', measure(openMetrics(plain), cached('openmetrics'))],
  ['unchanged layout, with timestamps', measure(pages(true), cached())],
  ['10 % of the lines new each time', measure(pages(false, 0.1), cached())],
  ['nothing remembered', measure(plain, (body) => parsePage(body, { format: 'text' }))],
];
for (const [what, ns] of rows) {
  process.stdout.write(
    `${what.padEnd(36)} ${ns.toFixed(0).padStart(6)} ns/sample  ${(usual / ns).toFixed(1).padStart(5)}×\n`,
  );
}
