import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '#component';

/** The event loop is looked at five times a second: often enough to see a stall, and too seldom to show in `top`. */
const RESOLUTION_MS = 200;

/**
 * What the process itself costs, under the Collector's names, and the event loop's delay under OpenTelemetry's semantic
 * conventions for Node. Returns the way to end it.
 */
export function observeProcess(meter: Meter): () => void {
  meter.gauge('otelcol_process_memory_rss', () => process.memoryUsage.rss(), {
    help: 'Total physical memory (resident set size).',
    unit: 'By',
  });
  meter.gauge('otelcol_process_runtime_heap_alloc_bytes', () => process.memoryUsage().heapUsed, {
    help: 'Bytes of allocated heap objects.',
    unit: 'By',
  });
  meter.gauge('otelcol_process_runtime_total_sys_memory_bytes', () => process.memoryUsage().heapTotal, {
    help: 'Total bytes of memory obtained from the OS for the heap.',
    unit: 'By',
  });
  meter.observableCounter('otelcol_process_uptime', () => process.uptime(), {
    help: 'Uptime of the process.',
    unit: 's',
  });
  meter.observableCounter('otelcol_process_cpu_seconds', cpuSeconds, {
    help: 'Total CPU user and system time in seconds.',
    unit: 's',
  });
  return observeEventLoop(meter);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function observeEventLoop(meter: Meter): () => void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // The histogram holds whole intervals between looks; what exceeds the resolution is the delay.
  const delay = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
  const gauge = (name: string, help: string, read: () => number) =>
    meter.gauge(`nodejs_eventloop_delay_${name}`, () => (histogram.count ? delay(read()) : 0), { help, unit: 's' });
  gauge('mean', 'Event loop mean delay since the start.', () => histogram.mean);
  gauge('p99', 'Event loop 99 percentile delay since the start.', () => histogram.percentile(99));
  gauge('max', 'Event loop maximum delay since the start.', () => histogram.max);
  return () => histogram.disable();
}
