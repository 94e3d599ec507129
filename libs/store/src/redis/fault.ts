/**
 * What an error of Redis, or of the connection to it, means: the one place where the words of Redis are read. Errors
 * come as replies, inside the replies of scripts (`failed READONLY ...`), and wrapped by the driver.
 */
import { redactText } from '@cim/runtime';

/**
 * - `elsewhere` another server holds the data: connect anew.
 * - `refusing` Redis takes no writes until somebody mends it.
 * - `settings` our settings and those of Redis do not fit: a password, a permission, a certificate.
 * - `passing` goes away by itself.
 * - `script` the server does not know the script.
 * - `request` concerns this one request.
 * - `away` no reply: the server is not reached, or hangs.
 */
export type FaultKind = 'elsewhere' | 'refusing' | 'settings' | 'passing' | 'script' | 'request' | 'away';

export interface Fault {
  readonly kind: FaultKind;
  /** First word of the reply, or the code of Node's error; '' when there is none. */
  readonly code: string;
  /** One line: what was wrong and, where it is known, what mends it. */
  readonly text: string;
}

interface Row {
  readonly kind: FaultKind;
  /** What the operator can do. */
  readonly advice?: string;
}

/** By the first word of a reply. */
const REPLIES: { readonly [code: string]: Row } = {
  READONLY: { kind: 'elsewhere', advice: 'this server is a replica, so lead the address to its master' },
  MASTERDOWN: { kind: 'elsewhere', advice: 'this server is a replica, so lead the address to its master' },
  MOVED: { kind: 'elsewhere' },
  LOADING: { kind: 'elsewhere', advice: 'wait until Redis has read its data' },
  OOM: { kind: 'refusing', advice: 'raise maxmemory of Redis' },
  MISCONF: { kind: 'refusing', advice: 'give Redis space on its disk and read its log' },
  NOREPLICAS: { kind: 'refusing', advice: 'start the replicas of Redis or lower min-replicas-to-write' },
  CLUSTERDOWN: { kind: 'passing', advice: 'redis-cli --cluster check names the slots without a master' },
  ASK: { kind: 'passing' },
  TRYAGAIN: { kind: 'passing' },
  BUSY: { kind: 'passing', advice: 'SCRIPT KILL ends the script that holds Redis' },
  UNKILLABLE: { kind: 'passing', advice: 'a script that has written holds Redis, so wait for it' },
  NOSCRIPT: { kind: 'script' },
  NOAUTH: {
    kind: 'settings',
    advice: 'set CIM_REDIS_PASSWORD, or CIM_REDIS_PASSWORD_FILE to a file with it',
  },
  WRONGPASS: {
    kind: 'settings',
    advice:
      'correct the user name in CIM_REDIS_URL, or the password there, in CIM_REDIS_PASSWORD or in the file of CIM_REDIS_PASSWORD_FILE',
  },
  NOPERM: { kind: 'settings', advice: 'give this user the permission by ACL SETUSER' },
  NOPROTO: { kind: 'settings' },
};

/** Replies that begin with ERR and are about our settings. */
const WRONG_SETTINGS = /^ERR (invalid password|AUTH |Client sent AUTH|(invalid )?DB index|unknown command)/i;
/** Redis 7.0 says NOPERM in these words when a script runs into it. */
const DENIED_IN_SCRIPT = /^-?ERR The user executing the script can't /;
/** A replica says so of WAIT. */
const WAIT_ON_REPLICA = /^-?ERR WAIT cannot be used with replica/;
/** Of TLS: an attempt more would end alike. */
const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;
const TLS_ADVICE =
  'compare CIM_REDIS_TLS_CA, CIM_REDIS_TLS_CERT and CIM_REDIS_TLS_SERVERNAME with the certificate of the server';
/** The same replies when a Sentinel has given them: its password is another setting. */
const SENTINEL_ADVICE: { readonly [code: string]: string } = {
  NOAUTH:
    'set CIM_REDIS_SENTINEL_PASSWORD, or CIM_REDIS_SENTINEL_PASSWORD_FILE to a file with it, and CIM_REDIS_SENTINEL_USERNAME if the Sentinels have users',
  WRONGPASS:
    'correct CIM_REDIS_SENTINEL_USERNAME, or the password in CIM_REDIS_SENTINEL_PASSWORD or in the file of CIM_REDIS_SENTINEL_PASSWORD_FILE',
};

/** Never throws. Reads through what the driver and we have wrapped around the error. */
export function faultOf(error: unknown): Fault {
  const { message, code, sentinel } = innermost(error);
  if (TLS_CODES.test(code))
    return { kind: 'settings', code, text: advised(message === '' ? code : message, TLS_ADVICE) };
  const reply = replyOf(message);
  const row = REPLIES[reply];
  if (row !== undefined) {
    const advice = (sentinel ? SENTINEL_ADVICE[reply] : undefined) ?? row.advice;
    return { kind: row.kind, code: reply, text: advised(message, advice) };
  }
  if (WRONG_SETTINGS.test(message)) return { kind: 'settings', code: 'ERR', text: message };
  if (reply !== '') return { kind: 'request', code: reply, text: message };
  return { kind: 'away', code, text: message === '' ? code : message };
}

const advised = (text: string, advice: string | undefined): string =>
  advice === undefined ? text : `${text} (${advice})`;

/** READONLY of `READONLY You can't ...`; Redis 6 wraps what a script ran into: `ERR Error running script ...: -READONLY You ...`. */
function replyOf(message: string): string {
  if (DENIED_IN_SCRIPT.test(message)) return 'NOPERM';
  if (WAIT_ON_REPLICA.test(message)) return 'READONLY';
  const wrapped = /^ERR Error (?:running|compiling) script .*[:\s]-([A-Z]{2,}) /.exec(message)?.[1];
  return wrapped ?? /^-?([A-Z]{2,})(?= |$)/.exec(message)?.[1] ?? '';
}

/** The driver gives up on a command of a Cluster in these words, around the last reply. */
const REDIRECTIONS = /^Too many Cluster redirections\. Last error: (?:[A-Za-z]+: )?(.*)$/s;

/** One line. A Cluster tells what was wrong with its last node; a refused connection to two addresses has no words. */
function innermost(error: unknown): { message: string; code: string; sentinel: boolean } {
  if (typeof error === 'string') return { message: oneLine(error), code: '', sentinel: false };
  if (!(error instanceof Error)) return { message: String(error), code: '', sentinel: false };
  const { lastNodeError, cause, code } = error as Error & { lastNodeError?: unknown; code?: unknown };
  if (lastNodeError instanceof Error) return innermost(lastNodeError);
  if (cause instanceof Error && cause.message !== '') return innermost(cause);
  const ofSentinels = /^All sentinels are unreachable\b.*? Last error: (.*)$/s.exec(error.message)?.[1];
  return {
    message: oneLine(ofSentinels ?? REDIRECTIONS.exec(error.message)?.[1] ?? error.message),
    code: typeof code === 'string' ? code : '',
    sentinel: ofSentinels !== undefined,
  };
}

/** Without what differs from attempt to attempt, which would be news each time. */
function oneLine(text: string): string {
  const [line = ''] = redactText(text)
    .replace(/ Retrying from scratch after [\d.]+ms\./, '')
    .split('\n', 1);
  return line.trimEnd().replace(/\.$/, '');
}

/** Whether a NOPERM is about the command itself and not about its keys: Redis says so in words alone. */
export const deniesCommand = ({ text }: Fault): boolean =>
  / the '[^']+' command|can't run this command/.test(text);
