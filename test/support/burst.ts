/**
 * A burst of questions, as a program of its own so that it can run in another network namespace:
 * `node burst.ts ADDRESS:PORT CLIENTS SECONDS`. Each client asks for one new name after the other.
 */
import { Resolver } from 'node:dns/promises';

const [server = '', clients = '1', seconds = '1'] = process.argv.slice(2);
const resolver = new Resolver({ timeout: 4000, tries: 1 });
resolver.setServers([server]);
const end = performance.now() + Number(seconds) * 1000;
let answered = 0;
let asked = 0;

async function client(): Promise<void> {
  while (performance.now() < end) {
    await resolver.resolve4(`name-${asked++}.example.test`).then(
      () => answered++,
      () => {},
    );
  }
}

await Promise.all(Array.from({ length: Number(clients) }, client));
process.stdout.write(`${answered} of ${asked} answered\n`);
