/** Many small pages, each on a port of its own, scraped by dnscol and perhaps by a Prometheus beside it. */
import { startPrometheus } from '../../support/peers.ts';
import { until } from './agent.ts';
import type { Rig } from './rig.ts';
import type { Lab } from './threat.ts';
import { answer, serve } from './wire.ts';

export async function servePages(lab: Lab, pages: readonly Buffer[]): Promise<number[]> {
  const servers = await Promise.all(pages.map((page) => serve(lab, (_, socket) => socket.write(answer(200, page)))));
  return servers.map(({ port }) => port);
}

/** Whether each of these ports was up, by dnscol. */
export async function verdicts(rig: Rig, job: string, ports: readonly number[]): Promise<boolean[]> {
  const last = (port: number) => rig.sink.points('up', { job, instance: `127.0.0.1:${port}` }).at(-1);
  await until(() => ports.every((port) => last(port)), `all of ${job} was scraped`);
  return ports.map((port) => last(port)!.value === 1);
}

/** The same, by a real Prometheus. */
export async function prometheusVerdicts(lab: Lab, ports: readonly number[]): Promise<boolean[]> {
  const prometheus = await startPrometheus(ports.map((port) => `127.0.0.1:${port}`));
  lab.defer(() => prometheus.stop());
  let ups: Awaited<ReturnType<typeof prometheus.query>> = [];
  await until(async () => {
    ups = await prometheus.query('up');
    return ups.length === ports.length;
  }, 'Prometheus has scraped all');
  return ports.map((port) => ups.find(({ labels }) => labels.instance === `127.0.0.1:${port}`)?.value === 1);
}
