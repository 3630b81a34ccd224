/** Certificates and keys from files or from the configuration, read again when the files change. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import tls from 'node:tls';
import type { Clock } from '#clock';
import type { Secret } from '#config';

/** Where one piece of PEM comes from; a file wins over the text. */
export interface PemSource {
  file?: string | undefined;
  pem?: string | Secret | undefined;
}

export interface MaterialSources {
  ca?: PemSource;
  cert?: PemSource;
  key?: PemSource;
  includeSystemCas?: boolean | undefined;
}

/** Ready for `tls.createSecureContext`. */
export interface Material {
  ca?: string[];
  cert?: string;
  key?: string;
}

export interface Reloaded<T> {
  /** What was made from the newest files that are good. Throws when there never were any. */
  current(): T;
}

export interface ReloadOptions {
  clock: Clock;
  /** Milliseconds between looks at the files; 0: at every call. */
  interval: number;
  /** New files are bad, half-written perhaps: what was made from the old ones stays in use. */
  onBad?(error: unknown): void;
  /** Good new files are in use. */
  onChanged?(): void;
}

/** Keeps what `make` made of the files, and makes it anew when one of them changed. */
export function reloaded<T>(
  sources: MaterialSources,
  make: (material: Material) => T,
  options: ReloadOptions,
): Reloaded<T> {
  const { clock, interval, onBad, onChanged } = options;
  const files = [sources.ca?.file, sources.cert?.file, sources.key?.file].filter((f) => f !== undefined);
  let made: { value: T } | undefined;
  let stamp = '';
  let lookedAt = 0;

  function look(): void {
    const now = stampOf(files);
    if (now === stamp) return;
    const before = made;
    made = { value: make(readMaterial(sources)) };
    stamp = now;
    if (before) onChanged?.();
  }

  return {
    current() {
      const due = !made || (files.length > 0 && clock.monotonic() - lookedAt >= interval);
      if (due) {
        lookedAt = clock.monotonic();
        try {
          look();
        } catch (error) {
          if (!made) throw error;
          onBad?.(error);
        }
      }
      return made!.value;
    },
  };
}

/** Changes whenever a file is written or replaced. A missing file has a stamp too; reading it says what is wrong. */
function stampOf(files: readonly string[]): string {
  const stamps = files.map((file) => {
    const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
    return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}` : 'missing';
  });
  return `files ${stamps.join(' ')}`;
}

function readMaterial({ ca, cert, key, includeSystemCas }: MaterialSources): Material {
  const material: Material = {};
  const bundle = readPem(ca, 'CA certificates');
  if (bundle !== undefined) {
    const roots = includeSystemCas ? [...tls.rootCertificates, ...systemRoots()] : [];
    material.ca = [...certificatesIn(bundle, ca), ...roots];
  } else if (includeSystemCas) {
    material.ca = [...tls.rootCertificates, ...systemRoots()];
  }
  const chain = readPem(cert, 'certificate');
  if (chain !== undefined) {
    certificatesIn(chain, cert);
    material.cert = chain;
  }
  const secret = readPem(key, 'key');
  if (secret !== undefined) material.key = secret;
  return material;
}

function readPem(source: PemSource | undefined, what: string): string | undefined {
  if (source?.file) {
    try {
      return readFileSync(source.file, 'utf8');
    } catch (error) {
      throw new Error(`cannot read the ${what} file ${source.file}`, { cause: error });
    }
  }
  if (!source?.pem) return undefined;
  return typeof source.pem === 'string' ? source.pem : source.pem.reveal();
}

/** The certificates of a PEM bundle, each found readable: OpenSSL takes the good half of a half-written file without a word. */
function certificatesIn(bundle: string, source: PemSource | undefined): string[] {
  const where = source?.file ?? 'the configuration';
  const begun = bundle.match(/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----/g)?.length ?? 0;
  const whole = bundle.match(/-----BEGIN ([A-Z0-9 ]*)CERTIFICATE-----[^-]*-----END \1CERTIFICATE-----/g) ?? [];
  if (begun === 0) throw new Error(`no certificate in ${where}`);
  if (whole.length !== begun) throw new Error(`a certificate in ${where} is cut short`);
  for (const one of whole) {
    try {
      new X509Certificate(one);
    } catch (error) {
      throw new Error(`a certificate in ${where} cannot be read`, { cause: error });
    }
  }
  return whole;
}

/** The machine's own trust store. Before Node 22.15 there is no way to ask for it. */
function systemRoots(): readonly string[] {
  return typeof tls.getCACertificates === 'function' ? tls.getCACertificates('system') : [];
}
