/** Numbers and names of the IANA's DNS parameters that a question may want. */

const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  LOC: 29,
  SRV: 33,
  NAPTR: 35,
  CERT: 37,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  SSHFP: 44,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  NSEC3: 50,
  NSEC3PARAM: 51,
  TLSA: 52,
  CDS: 59,
  CDNSKEY: 60,
  SVCB: 64,
  HTTPS: 65,
  ANY: 255,
  URI: 256,
  CAA: 257,
};
const TYPE_NAMES = new Map(Object.entries(TYPES).map(([name, number]) => [number, name]));

export const RECORD_TYPES: readonly string[] = Object.keys(TYPES).filter((name) => name !== 'OPT');

/** `A`, `aaaa` or RFC 3597's `TYPE65280` as a number; undefined when it is none. */
export function typeNumber(name: string): number | undefined {
  const upper = name.toUpperCase();
  if (Object.hasOwn(TYPES, upper)) return TYPES[upper];
  const number = /^TYPE(\d{1,5})$/.exec(upper)?.[1];
  return number !== undefined && Number(number) <= 0xffff ? Number(number) : undefined;
}
export function typeName(number: number): string {
  return TYPE_NAMES.get(number) ?? `TYPE${number}`;
}

export const CLASS_IN = 1;
export const CLASS_CHAOS = 3;

const RCODES: Readonly<Record<number, string>> = {
  0: 'NOERROR',
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED',
  6: 'YXDOMAIN',
  7: 'YXRRSET',
  8: 'NXRRSET',
  9: 'NOTAUTH',
  10: 'NOTZONE',
  11: 'DSOTYPENI',
  16: 'BADVERS',
  23: 'BADCOOKIE',
};
export const RCODE_NAMES: readonly string[] = Object.values(RCODES);

/** `NXDOMAIN`; `RCODE12` for what has no name. */
export function rcodeName(number: number): string {
  return RCODES[number] ?? `RCODE${number}`;
}
