/** Certificates made on the spot, so that no key lies in the repository and every fault can be made to order. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

export interface Issued {
  cert: string;
  key: string;
}
export interface Authority extends Issued {
  issue(options?: CertificateOptions): Issued;
}

export interface CertificateOptions {
  commonName?: string;
  /** Names and addresses of the subjectAltName; none: no such extension. Default: localhost and 127.0.0.1. */
  names?: string[];
  /** Days from now. */
  notBefore?: number;
  notAfter?: number;
}

export function makeAuthority(commonName = 'test authority'): Authority {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const self = certificate(pair.publicKey, commonName, pair.privateKey, { commonName, names: [] }, true);
  return {
    cert: self,
    key: pem('PRIVATE KEY', pair.privateKey.export({ type: 'pkcs8', format: 'der' })),
    issue(options = {}) {
      const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return {
        cert: certificate(leaf.publicKey, commonName, pair.privateKey, options, false),
        key: pem('PRIVATE KEY', leaf.privateKey.export({ type: 'pkcs8', format: 'der' })),
      };
    },
  };
}

function certificate(
  publicKey: KeyObject,
  issuer: string,
  signer: KeyObject,
  { commonName = 'test', names = ['localhost', '127.0.0.1'], notBefore = -1, notAfter = 3650 }: CertificateOptions,
  isAuthority: boolean,
): string {
  const algorithm = sequence(oid('1.2.840.10045.4.3.2'));
  const extensions = [
    ...(isAuthority ? [extension('2.5.29.19', sequence(der(0x01, Buffer.from([0xff]))))] : []),
    ...(names.length ? [extension('2.5.29.17', sequence(...names.map(alternativeName)))] : []),
  ];
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length ? [der(0xa3, sequence(...extensions))] : []),
  );
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, signer)]));
  return pem('CERTIFICATE', sequence(body, algorithm, signature));
}

function der(tag: number, content: Buffer): Buffer {
  const n = content.length;
  const length = n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const sequence = (...parts: Buffer[]): Buffer => der(0x30, Buffer.concat(parts));
const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x04, value));
const distinguishedName = (name: string): Buffer =>
  sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(name)))));

function alternativeName(name: string): Buffer {
  return isIPv4(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name));
}

function time(days: number): Buffer {
  const text = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');
  return der(0x18, Buffer.from(text));
}

function oid(text: string): Buffer {
  const [a = 0, b = 0, ...rest] = text.split('.').map(Number);
  const bytes = rest.flatMap((n) => {
    const groups = [n & 127];
    for (let left = n >>> 7; left; left >>>= 7) groups.unshift((left & 127) | 128);
    return groups;
  });
  return der(0x06, Buffer.from([a * 40 + b, ...bytes]));
}

function pem(label: string, content: Buffer): string {
  return `-----BEGIN ${label}-----\n${content.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`;
}
