import type { Server } from 'node:https';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import tls from 'node:tls';
import type { Clock } from '#clock';
import type { Secret } from '#config';
import { reloaded } from './tls-material.ts';
import { opensslCiphers, opensslCurves, TLS_VERSIONS } from './tls-names.ts';

export interface TlsServerOptions {
  certFile?: string | undefined;
  certPem?: string | undefined;
  keyFile?: string | undefined;
  keyPem?: Secret | undefined;
  /** Set, every client must show a certificate that one of these authorities signed. */
  clientCaFile?: string | undefined;
  minVersion?: string | undefined;
  maxVersion?: string | undefined;
  cipherSuites?: readonly string[] | undefined;
  curvePreferences?: readonly string[] | undefined;
  /** Milliseconds between looks at the files; 0: at each new connection. */
  reloadInterval?: number | undefined;
}

export interface ServerTls {
  /** For the server's making. Throws when the files cannot be used. */
  options(): TlsOptions;
  /** Puts newer files to use, for the connections to come. */
  refresh(server: Server): void;
}

export function serverTls(options: TlsServerOptions, clock: Clock, onBad: (error: unknown) => void): ServerTls {
  const material = reloaded(
    {
      ca: { file: options.clientCaFile },
      cert: { file: options.certFile, pem: options.certPem },
      key: { file: options.keyFile, pem: options.keyPem },
    },
    (files): SecureContextOptions => {
      const settings: SecureContextOptions = {
        ...files,
        minVersion: TLS_VERSIONS[options.minVersion ?? ''] ?? 'TLSv1.2',
        maxVersion: TLS_VERSIONS[options.maxVersion ?? ''] ?? 'TLSv1.3',
        ciphers: opensslCiphers(options.cipherSuites),
        ecdhCurve: opensslCurves(options.curvePreferences),
      };
      // Fails here, and not in the running server, when key and certificate do not belong together.
      tls.createSecureContext(settings);
      return settings;
    },
    { clock, interval: options.reloadInterval ?? 0, onBad },
  );
  let inUse: SecureContextOptions | undefined;
  return {
    options() {
      inUse = material.current();
      return options.clientCaFile ? { ...inUse, requestCert: true, rejectUnauthorized: true } : { ...inUse };
    },
    refresh(server) {
      const newest = material.current();
      if (newest === inUse) return;
      inUse = newest;
      server.setSecureContext(newest);
    },
  };
}
