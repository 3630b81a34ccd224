import { isIP, type NetConnectOpts, type Socket } from 'node:net';
import tls from 'node:tls';
import type { Clock } from '#clock';
import type { TlsClientOptions } from './http.ts';
import { type Reloaded, reloaded } from './tls-material.ts';
import { opensslCiphers, opensslCurves, TLS_VERSIONS } from './tls-names.ts';

export interface ClientTls {
  /** A connection that has proven who it is before anything is sent on it. Throws when the files cannot be used. */
  connect(options: NetConnectOpts & { host: string }): Socket;
  /** Options for a connection to `host` (an address or a name, no brackets). Throws when the files cannot be used. */
  connectOptions(host: string): tls.ConnectionOptions;
  /** For the agent: given with each request, Node 26 takes each for a reason to use no connection twice. */
  checkServerIdentity(host: string, cert: tls.PeerCertificate): Error | undefined;
}

/** `onChanged` runs after the files on disk changed for good. */
export function clientTls(
  options: TlsClientOptions,
  clock: Clock,
  onChanged: () => void,
  onBad: (error: unknown) => void,
): ClientTls {
  const context = secureContext(options, clock, onChanged, onBad);
  const security: ClientTls = {
    checkServerIdentity: (host, cert) => checkIdentity(options.serverName || host, cert),
    connectOptions(host) {
      const name = options.serverName || host;
      return {
        secureContext: context.current(),
        // SNI must not hold an address (RFC 6066 §3).
        servername: isIP(name) ? '' : name,
        rejectUnauthorized: !options.insecureSkipVerify,
      };
    },
    connect: (to) =>
      tls.connect({
        ...(to as tls.ConnectionOptions),
        ...security.connectOptions(to.host),
        checkServerIdentity: (_, cert) => security.checkServerIdentity(to.host, cert),
        ALPNProtocols: ['http/1.1'],
      }),
  };
  return security;
}

function secureContext(
  options: TlsClientOptions,
  clock: Clock,
  onChanged: () => void,
  onBad: (error: unknown) => void,
): Reloaded<tls.SecureContext> {
  return reloaded(
    {
      ca: { file: options.caFile, pem: options.caPem },
      cert: { file: options.certFile, pem: options.certPem },
      key: { file: options.keyFile, pem: options.keyPem },
      includeSystemCas: options.includeSystemCas,
    },
    (material) =>
      tls.createSecureContext({
        ...material,
        minVersion: TLS_VERSIONS[options.minVersion ?? ''] ?? 'TLSv1.2',
        maxVersion: TLS_VERSIONS[options.maxVersion ?? ''] ?? 'TLSv1.3',
        ciphers: opensslCiphers(options.cipherSuites),
        ecdhCurve: opensslCurves(options.curvePreferences),
      }),
    { clock, interval: options.reloadInterval ?? 0, onBad, onChanged },
  );
}

/** Node still takes a name from the subject's CN; Go, and RFC 9110 §4.3.4, look at subjectAltName alone. */
function checkIdentity(name: string, cert: tls.PeerCertificate): Error | undefined {
  if (!cert.subjectaltname) return new Error('the certificate has no subjectAltName, and its CN does not count');
  return tls.checkServerIdentity(name, cert);
}
