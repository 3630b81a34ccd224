/** What the UDP datagrams of a pcap file of Ethernet frames hold, those of fragments left out. */
export function datagrams(file: Buffer): Buffer[] {
  const little = file.readUInt32LE(0) === 0xa1b2c3d4;
  const found: Buffer[] = [];
  for (let at = 24; at + 16 <= file.length; ) {
    const length = little ? file.readUInt32LE(at + 8) : file.readUInt32BE(at + 8);
    const packet = file.subarray(at + 16 + 14, at + 16 + length);
    at += 16 + length;
    const isV4 = packet[0]! >> 4 === 4;
    const protocol = isV4 ? packet[9] : packet[6];
    const udp = packet.subarray(isV4 ? (packet[0]! & 15) * 4 : 40);
    if (protocol === 17) found.push(udp.subarray(8, udp.readUInt16BE(4)));
  }
  return found;
}
