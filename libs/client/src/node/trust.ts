import { X509Certificate } from 'node:crypto';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
import { CimError } from '@cim/protocol';
import type { TlsReason } from '../transport.ts';

/** The certificates that a client trusts. Certificates are always checked. */
export interface TlsOptions {
  /**
   * PEM of the authorities for server certificates. They replace those that Node knows (to which
   * `NODE_EXTRA_CA_CERTS` adds).
   */
  readonly ca?: string | Uint8Array;
  /**
   * Whether to connect to im-servers in plain text though the route speaks TLS. Default: false; the client
   * reports it and stops.
   */
  readonly allowPlainText?: boolean;
}

/** Options of TLS connections. @throws {CimError} 3000: `ca` holds no certificate */
export function trustOf({ ca }: TlsOptions): Pick<ConnectionOptions, 'secureContext' | 'rejectUnauthorized'> {
  // Set explicitly, since an environment variable could turn it off.
  const checked = { rejectUnauthorized: true };
  if (ca === undefined) return checked;
  const pem = Buffer.from(ca).toString();
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (certificates.length === 0) throw new Error('it has none');
    for (const certificate of certificates) new X509Certificate(certificate);
  } catch (error) {
    throw new CimError(
      'invalid',
      'tls.ca holds no certificate in PEM; give the contents of the file of your authority',
      { cause: error },
    );
  }
  return { ...checked, secureContext: createSecureContext({ ca: pem }) };
}

/** A problem with TLS and its remedy; undefined when the failure is of another kind. */
export interface TlsProblem {
  readonly reason: TlsReason;
  /** One line, which begins with the name of the server. */
  readonly text: string;
}

/** @param server as a person calls it: `the route at https://chat.example`, `the im-server 10.0.0.1:11211` */
export function tlsProblem(error: unknown, server: string): TlsProblem | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', cert } = error as NodeJS.ErrnoException & { cert?: { subjectaltname?: string } };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = (cert?.subjectaltname ?? 'no name').replaceAll(/[^ -~]/g, '?').slice(0, 200);
    const text = `${server} shows a certificate for another name (${names}): use an address that it is for (CIM_ADVERTISE_HOST of im-servers), or have it made for this one`;
    return { reason: 'untrusted', text };
  }
  const wrong = WRONG_CERTIFICATE[code];
  if (wrong !== undefined) return { reason: 'untrusted', text: `${server} ${wrong}` };
  if (NO_TLS.test(code) || NO_TLS.test(error.message)) {
    const text = `${server} speaks no TLS: give it a certificate (CIM_TLS_CERT, CIM_TLS_KEY), or give an address that begins with http:// if nobody can read along`;
    return { reason: 'tls-mismatch', text };
  }
  return undefined;
}

/** Errors that show that the answer to the handshake was not TLS. */
const NO_TLS = /WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH_TOO_LONG|packet length too long/;

const UNKNOWN_AUTHORITY =
  'shows a certificate of an authority that is not trusted here: name the PEM file of that authority (tls.ca of the SDK, CIM_TLS_CA of the terminal, or NODE_EXTRA_CA_CERTS)';

/** Key: an error code of OpenSSL. */
const WRONG_CERTIFICATE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED:
    'shows a certificate that has expired: renew it there, and look at the clock of this machine',
  CERT_NOT_YET_VALID: 'shows a certificate that is not valid yet: look at the clocks of both machines',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: UNKNOWN_AUTHORITY,
  INVALID_CA: 'shows a certificate whose issuer is no authority: have it made by one',
  INVALID_PURPOSE: 'shows a certificate that is not for servers: have one made for them',
  CERT_REVOKED: 'shows a certificate that was revoked: renew it there',
  CERT_REJECTED: 'shows a certificate that is refused here: renew it there',
};
