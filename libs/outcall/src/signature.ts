/**
 * Signs a call by the convention of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA-256 over
 * `id.timestamp.body`. The receiver can check who has sent the body, and when.
 */
import { createHmac, randomBytes } from 'node:crypto';

const PREFIX = 'whsec_';
/** Fewest bytes of a key, by the convention. */
const LEAST_BYTES = 24;
const MOST_BYTES = 64;
const NEW_BYTES = 32;

/** Makes a new secret: `whsec_` and the key in base64. */
export const newWebhookSecret = (): string => PREFIX + randomBytes(NEW_BYTES).toString('base64');

/** What is wrong with a secret, as the end of a sentence; undefined when nothing is. */
export function webhookSecretProblem(secret: string): string | undefined {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const bytes = Buffer.from(text, 'base64');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0;
  return isBase64 && bytes.length >= LEAST_BYTES && bytes.length <= MOST_BYTES
    ? undefined
    : `must be whsec_ and ${LEAST_BYTES} to ${MOST_BYTES} bytes in base64 behind it (echo whsec_$(openssl rand -base64 32) makes one)`;
}

/**
 * Headers that sign a body. Each secret makes a signature: while a key is replaced, a receiver may have the
 * old or the new one.
 * @param id of the call, the same when the call is repeated, so that a receiver notices a repetition
 * @param atMs ms since 1970
 */
export function signatureHeaders(
  secrets: readonly string[],
  id: string,
  atMs: number,
  body: string,
): { 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature'?: string } {
  const timestamp = String(Math.floor(atMs / 1000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  if (secrets.length === 0) return headers;
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { ...headers, 'webhook-signature': signatures.join(' ') };
}
