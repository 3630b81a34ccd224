import { expect } from 'chai';
import { nodeExporterMetrics, nodeExporterName } from '../../../receivers/ethtool/names.ts';
import { parseDriver, parseSettings, parseStatistics } from '../../../receivers/ethtool/text.ts';

describe('the text of ethtool', () => {
  it('gives statistics whatever their indentation', () => {
    const text = 'NIC statistics:\n     tx_timeout: 0\n\tlinklocal_allowance_exceeded: 12\n     port.rx_dropped: 3\n';
    expect(parseStatistics(text)).to.deep.equal([
      { name: 'tx_timeout', value: 0 },
      { name: 'linklocal_allowance_exceeded', value: 12 },
      { name: 'port.rx_dropped', value: 3 },
    ]);
  });

  it('passes over what is no statistic', () => {
    expect(
      parseStatistics('no stats available\n     [0]: rx_bytes: 5\n     a: b\n\n     : 5\n     c:\n'),
    ).to.deep.equal([]);
  });

  it('keeps numbers above 2^53 to the nearest double', () => {
    expect(parseStatistics('  a: 18446744073709551615')).to.deep.equal([{ name: 'a', value: 2 ** 64 }]);
  });

  it('gives the driver', () => {
    expect(
      parseDriver(
        'driver: ena\nversion: 2.13.0g\nfirmware-version: \nexpansion-rom-version: \nbus-info: 0000:00:05.0\n',
      ),
    ).to.deep.equal({
      driver: 'ena',
      version: '2.13.0g',
      firmwareVersion: '',
      expansionRomVersion: '',
      busInfo: '0000:00:05.0',
    });
  });

  it('gives speed, duplex, port and link, and leaves out what the driver does not know', () => {
    const known = 'Settings for eth1:\n\tSpeed: 1000Mb/s\n\tDuplex: Full\n\tPort: Twisted Pair\n\tLink detected: yes\n';
    expect(parseSettings(known)).to.deep.equal({ speed: 1e9, duplex: 'Full', port: 'Twisted Pair', detected: true });
    const unknown =
      'Settings for eth0:\n\tSpeed: Unknown!\n\tDuplex: Unknown! (255)\n\tPort: Other\n\tLink detected: no\n';
    expect(parseSettings(unknown)).to.deep.equal({ detected: false });
  });
});

describe("node_exporter's names", () => {
  const becomes = (statistic: string, name: string) =>
    it(`${statistic} becomes ${name}`, () => expect(nodeExporterName(statistic)).to.equal(`node_ethtool_${name}`));
  becomes('linklocal_allowance_exceeded', 'linklocal_allowance_exceeded');
  becomes('rx_bytes', 'received_bytes_total');
  becomes('tx_packets', 'transmitted_packets_total');
  becomes('port.rx_dropped', 'port_received_dropped');
  becomes('rx_dropped', 'received_dropped_total');
  becomes('queue_0_rx_rx_copybreak_pkt', 'queue_0_received_rx_copybreak_pkt');
  becomes('queue_0_tx_tx_poll', 'queue_0_transmitted_tx_poll');
  becomes('  Odd -- Name!', 'odd_name_');

  it('leave out all of those that clash', () => {
    expect([...nodeExporterMetrics(['duplicate metric', 'duplicate_metric', 'fine']).keys()]).to.deep.equal(['fine']);
  });
});
