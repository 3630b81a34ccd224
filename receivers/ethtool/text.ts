import type { DriverInfo, LinkInfo, Statistic } from '#linux';

/** What `ethtool -S` prints. A line is split at its first `: `; what has no number behind it is passed over. */
export function parseStatistics(text: string): Statistic[] {
  return pairs(text).flatMap(([name, value]) => {
    const number = /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN;
    return Number.isNaN(number) ? [] : [{ name, value: number }];
  });
}

/** What `ethtool -i` prints. */
export function parseDriver(text: string): DriverInfo {
  const of = new Map(pairs(text));
  return {
    driver: of.get('driver') ?? '',
    version: of.get('version') ?? '',
    firmwareVersion: of.get('firmware-version') ?? '',
    expansionRomVersion: of.get('expansion-rom-version') ?? '',
    busInfo: of.get('bus-info') ?? '',
  };
}

/** What `ethtool IFACE` prints. */
export function parseSettings(text: string): LinkInfo {
  const of = new Map(pairs(text));
  const speed = /^(\d+)Mb\/s$/.exec(of.get('Speed') ?? '')?.[1];
  const duplex = of.get('Duplex');
  const port = of.get('Port');
  const detected = of.get('Link detected');
  return {
    ...(speed ? { speed: Number(speed) * 1e6 } : {}),
    ...(duplex && !duplex.startsWith('Unknown') ? { duplex } : {}),
    ...(port && port !== 'Other' && port !== 'None' ? { port } : {}),
    ...(detected ? { detected: detected === 'yes' } : {}),
  };
}

function pairs(text: string): [string, string][] {
  return text.split('\n').flatMap((line): [string, string][] => {
    const colon = /^(.*?):(?:[ \t]+(.*))?$/.exec(line.trim());
    return colon?.[1] && !/^(NIC statistics|Settings for .*)$/.test(colon[1])
      ? [[colon[1], (colon[2] ?? '').trim()]]
      : [];
  });
}
