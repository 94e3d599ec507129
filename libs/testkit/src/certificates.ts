/**
 * X.509 certificates for tests: an authority, and certificates that are valid or wrong in one property each.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';

const DAY_MS = 86_400_000;

/** A certificate with its key, both as PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Host names and addresses of the certificate. */
  readonly names?: readonly string[];
  /** Begin and end of its validity, in days from now. */
  readonly days?: readonly [number, number];
}

/** An authority that signs certificates. A second one is not trusted by the first one's clients. */
export class TestAuthority {
  /** The authority's certificate as PEM. */
  readonly cert: string;
  readonly #name: string;
  readonly #key: KeyObject;

  constructor(name = 'CIM test authority') {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = name;
    this.#key = keys.privateKey;
    this.cert = makeCertificate({
      ...{ issuer: name, subject: name, publicKey: keys.publicKey, signer: keys.privateKey },
      ...{ days: [-2, 3650] as const, extensions: [BASIC_CONSTRAINTS_CA] },
    });
  }

  /** Makes a certificate. By default it is for this machine, and valid from yesterday for 90 days. */
  issue({ names = ['localhost', '127.0.0.1'], days = [-1, 90] }: CertificateOptions = {}): CertificatePair {
    const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const cert = makeCertificate({
      ...{ issuer: this.#name, subject: names[0] ?? 'nobody', publicKey: keys.publicKey },
      ...{ signer: this.#key, days, extensions: [alternativeNames(names)] },
    });
    return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  }
}

/** Files for `CIM_TLS_CERT`, `CIM_TLS_KEY` and `CIM_TLS_CA`. */
export interface TlsFilesOnDisk {
  /** The three settings. */
  readonly env: { readonly CIM_TLS_CERT: string; readonly CIM_TLS_KEY: string; readonly CIM_TLS_CA: string };
  /** Replaces the pair in the files. */
  replace(pair: CertificatePair): void;
}

export function writeTlsFiles(
  dir: string,
  authority: TestAuthority,
  pair = authority.issue(),
): TlsFilesOnDisk {
  const [cert, key, ca] = ['server.pem', 'server-key.pem', 'ca.pem'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const replace = (other: CertificatePair): void => {
    writeFileSync(key, other.key, { mode: 0o600 });
    writeFileSync(cert, other.cert);
  };
  replace(pair);
  writeFileSync(ca, authority.cert);
  return { env: { CIM_TLS_CERT: cert, CIM_TLS_KEY: key, CIM_TLS_CA: ca }, replace };
}

interface Contents {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly days: readonly [number, number];
  readonly extensions: readonly Buffer[];
}

/** Encodes DER (X.690): a tag, a length, the contents. */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);
const octets = (contents: Uint8Array): Buffer => der(0x04, contents);
const bits = (contents: Uint8Array): Buffer => der(0x03, Buffer.from([0]), contents);
const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text));
/** An encoded object identifier. */
const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const commonName = (name: string): Buffer => sequence(der(0x31, sequence(oid('550403'), utf8(name))));
const TRUE = der(0x01, Buffer.from([0xff]));
const BASIC_CONSTRAINTS_CA = sequence(oid('551d13'), TRUE, octets(sequence(TRUE)));

function alternativeNames(names: readonly string[]): Buffer {
  const each = names.map((name) =>
    isIP(name) === 0
      ? der(0x82, Buffer.from(name))
      : der(0x87, isIP(name) === 4 ? Buffer.from(name.split('.').map(Number)) : ipv6Bytes(name)),
  );
  return sequence(oid('551d11'), octets(sequence(...each)));
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const [before, after] = [words(head), words(tail)];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]));
}

/** UTCTime, which ends with the year 2049. */
function utcTime(days: number): Buffer {
  const digits = new Date(Date.now() + days * DAY_MS).toISOString().replaceAll(/\D/g, '');
  return der(0x17, Buffer.from(`${digits.slice(2, 14)}Z`));
}

function makeCertificate({ issuer, subject, publicKey, signer, days, extensions }: Contents): string {
  const serial = der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(15)]));
  const contents = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    serial,
    ECDSA_WITH_SHA256,
    commonName(issuer),
    sequence(utcTime(days[0]), utcTime(days[1])),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const certificate = sequence(contents, ECDSA_WITH_SHA256, bits(sign('sha256', contents, signer)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
