/**
 * Interprets errors of Redis and of the connection to it. This is the only place that reads the words of
 * Redis. Errors come as replies, inside the replies of scripts (`failed READONLY ...`), and wrapped by the
 * driver.
 */
import { redactText } from '@cim/runtime';

/**
 * - `elsewhere` another server holds the data: connect anew.
 * - `refusing` Redis takes no writes until somebody mends it.
 * - `settings` our settings and those of Redis do not fit: a password, a permission, a certificate.
 * - `passing` the fault goes away by itself.
 * - `script` the server does not know the script.
 * - `request` the fault concerns this one request.
 * - `away` no reply: the server is not reached, or hangs.
 */
export type FaultKind = 'elsewhere' | 'refusing' | 'settings' | 'passing' | 'script' | 'request' | 'away';

export interface Fault {
  readonly kind: FaultKind;
  /** The first word of the reply, or the code of Node's error; '' when there is none. */
  readonly code: string;
  /** One line: the fault and, where it is known, the remedy. */
  readonly text: string;
}

interface Row {
  readonly kind: FaultKind;
  /** The remedy for the operator. */
  readonly advice?: string;
}

/** Key: the first word of a reply. */
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

/** Replies that begin with ERR and concern our settings. */
const WRONG_SETTINGS = /^ERR (invalid password|AUTH |Client sent AUTH|(invalid )?DB index|unknown command)/i;
/** Redis 7.0 uses these words for NOPERM inside a script. */
const DENIED_IN_SCRIPT = /^-?ERR The user executing the script can't /;
/** The answer of a replica to WAIT. */
const WAIT_ON_REPLICA = /^-?ERR WAIT cannot be used with replica/;
/** Errors of TLS: another attempt would end alike. */
const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;
const TLS_ADVICE =
  'compare CIM_REDIS_TLS_CA, CIM_REDIS_TLS_CERT and CIM_REDIS_TLS_SERVERNAME with the certificate of the server';
/** Remedies for replies of a Sentinel, whose password is another setting. */
const SENTINEL_ADVICE: { readonly [code: string]: string } = {
  NOAUTH:
    'set CIM_REDIS_SENTINEL_PASSWORD, or CIM_REDIS_SENTINEL_PASSWORD_FILE to a file with it, and CIM_REDIS_SENTINEL_USERNAME if the Sentinels have users',
  WRONGPASS:
    'correct CIM_REDIS_SENTINEL_USERNAME, or the password in CIM_REDIS_SENTINEL_PASSWORD or in the file of CIM_REDIS_SENTINEL_PASSWORD_FILE',
};

/**
 * Finds the fault of an error inside everything that the driver and our code have wrapped around it. Never
 * throws.
 */
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

/**
 * The reply in a message. For `READONLY You can't ...` this is the message. Redis 6 wraps the error of a
 * script: `ERR Error running script ...: -READONLY You ...`.
 */
function replyOf(message: string): string {
  if (DENIED_IN_SCRIPT.test(message)) return 'NOPERM';
  if (WAIT_ON_REPLICA.test(message)) return 'READONLY';
  const wrapped = /^ERR Error (?:running|compiling) script .*[:\s]-([A-Z]{2,}) /.exec(message)?.[1];
  return wrapped ?? /^-?([A-Z]{2,})(?= |$)/.exec(message)?.[1] ?? '';
}

/** The driver's words, around the last reply, when it gives up on a command of a Cluster. */
const REDIRECTIONS = /^Too many Cluster redirections\. Last error: (?:[A-Za-z]+: )?(.*)$/s;

/**
 * The innermost error, as one line. A Cluster names the fault of its last node. A refused connection to two
 * addresses has no words.
 */
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

/** The text without parts that differ at each attempt, so that the same fault has the same text. */
function oneLine(text: string): string {
  const [line = ''] = redactText(text)
    .replace(/ Retrying from scratch after [\d.]+ms\./, '')
    .split('\n', 1);
  return line.trimEnd().replace(/\.$/, '');
}

/** Whether a NOPERM denies the command itself and not its keys. Only the words of Redis tell. */
export const deniesCommand = ({ text }: Fault): boolean =>
  / the '[^']+' command|can't run this command/.test(text);
