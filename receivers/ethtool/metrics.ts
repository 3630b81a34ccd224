import type { MetricDeclaration } from '#component';

/** Names, types and help exactly as the exporter of the AWS blog has them: a gauge, although most statistics count up. */
export const STATISTIC: MetricDeclaration = {
  name: 'node_net_ethtool',
  type: 'gauge',
  help: 'Ethtool data',
  labels: ['device', 'type'],
};
export const PEAK: MetricDeclaration = {
  name: 'node_net_ethtool_peak_per_second',
  type: 'gauge',
  help: 'The most that a sampled statistic grew within a second since the previous collection.',
  labels: ['device', 'type'],
};
export const INFO: MetricDeclaration = {
  name: 'node_net_ethtool_info',
  type: 'gauge',
  help: 'Ethtool device information',
  labels: ['device', 'speed', 'duplex', 'port', 'link_detected'],
};
/** With `naming: node_exporter`. */
export const DRIVER: MetricDeclaration = {
  name: 'node_ethtool_info',
  type: 'gauge',
  help: 'A metric with a constant 1 value labeled by bus_info, device, driver, expansion_rom_version, firmware_version, version.',
  labels: ['bus_info', 'device', 'driver', 'expansion_rom_version', 'firmware_version', 'version'],
};

export const METRICS: readonly MetricDeclaration[] = [
  STATISTIC,
  PEAK,
  INFO,
  { name: 'node_ethtool_<statistic>', type: 'unknown', help: 'With `naming: node_exporter`.', labels: ['device'] },
  DRIVER,
];
