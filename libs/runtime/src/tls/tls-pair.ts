/** Reads a certificate with its key, and says in one line what is wrong with them. */
import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** Paths of the files, named like the settings; '' for none. */
export interface TlsPaths {
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsCa: string;
}

/** The options for a TLS server or client of ours. */
export interface TlsPair {
  readonly options: SecureContextOptions;
  /** When the certificate ends [ms since 1970]. */
  readonly expiresAt: number;
  /** One line each about things that work but should be mended. */
  readonly warnings: readonly string[];
}

/** The certificate is not valid yet. A later try may succeed. */
export class NotYetValid extends Error {}

/** TLS 1.2 with forward secrecy and authenticated encryption only, and all of TLS 1.3. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o022;

/**
 * Reads and checks a pair.
 * @param now ms since 1970
 * @throws {Error} one line: a file cannot be read, the key belongs to another certificate, or the certificate
 * is not valid now
 */
export function readTlsPair({ tlsCert, tlsKey, tlsCa }: TlsPaths, now: number): TlsPair {
  const cert = textOf('CIM_TLS_CERT', tlsCert);
  const key = textOf('CIM_TLS_KEY', tlsKey);
  const ca = tlsCa === '' ? undefined : textOf('CIM_TLS_CA', tlsCa);
  const leaf = certificateOf('CIM_TLS_CERT', tlsCert, cert);
  if (ca !== undefined) certificateOf('CIM_TLS_CA', tlsCa, ca);
  if (!leaf.checkPrivateKey(keyOf(tlsKey, key)))
    throw new Error(
      `CIM_TLS_KEY names ${tlsKey}, which is not the key of the first certificate in ${tlsCert} (CIM_TLS_CERT); both must come from the same request`,
    );
  const [beginsAt, expiresAt] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  if (now >= expiresAt)
    throw new Error(`the certificate in ${tlsCert} (CIM_TLS_CERT) ended on ${leaf.validTo}; renew it`);
  if (now < beginsAt)
    throw new NotYetValid(
      `the certificate in ${tlsCert} (CIM_TLS_CERT) is valid from ${leaf.validFrom} on, which is later than the clock of this machine says`,
    );
  const options: SecureContextOptions = {
    ...{ cert, key, ciphers: CIPHERS, honorCipherOrder: true, minVersion: 'TLSv1.2' },
    // A client could renegotiate again and again, and cost the server more than itself.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(ca !== undefined && { ca }),
  };
  try {
    createSecureContext(options);
  } catch (error) {
    throw new Error(
      `${tlsCert} (CIM_TLS_CERT) and ${tlsKey} (CIM_TLS_KEY) cannot be used: ${(error as Error).message}`,
      { cause: error },
    );
  }
  return { options, expiresAt, warnings: keyWarnings(tlsKey) };
}

function textOf(setting: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(
      `${setting} names ${path}, which cannot be read (${(error as NodeJS.ErrnoException).code ?? 'no reason given'})`,
      { cause: error },
    );
  }
}

function certificateOf(setting: string, path: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw new Error(
      `${setting} names ${path}, which holds no certificate in PEM (-----BEGIN CERTIFICATE-----)`,
      {
        cause: error,
      },
    );
  }
}

function keyOf(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    const encrypted = text.includes('ENCRYPTED');
    throw new Error(
      `CIM_TLS_KEY names ${path}, which ${
        encrypted
          ? 'is encrypted; give a key without a passphrase (openssl pkey -in KEY -out PLAIN)'
          : 'holds no private key in PEM'
      }`,
      { cause: error },
    );
  }
}

function keyWarnings(path: string): string[] {
  const mode = statSync(path).mode & 0o777;
  if ((mode & (OTHERS_READ | OTHERS_WRITE)) === 0) return [];
  return [
    `the key ${path} (CIM_TLS_KEY) has mode ${mode.toString(8)}: other users of this machine can read or replace it; chmod 600 ${path}`,
  ];
}
