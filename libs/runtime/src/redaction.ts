/**
 * Keeps secrets out of logs and messages. The error of a library may carry anything: ioredis puts the command that
 * failed into its error, with the password when the command was AUTH. So an error is never passed on whole.
 */

/** The parts of an error that may be logged. */
export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string | number;
  /** First line, then the lines that name a place in the code. */
  readonly stack?: string;
  readonly cause?: LoggedError | string;
  /** Of an AggregateError; the first of them. */
  readonly errors?: readonly (LoggedError | string)[];
}

/** An error's causes, and the objects inside the fields of a log line, are followed this deep. */
const MAX_DEPTH = 4;
const MAX_ERRORS = 4;
const HIDDEN = '***';

/** `scheme://user:password@` or `scheme://:password@`. A password may itself hold an "@": all up to the last one goes. */
const URL_LOGIN = /([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"'`]*@/gi;
/** Redis repeats what it was sent: "ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'user' 'password'". */
const REPEATED_ARGS = /with args beginning with:[^\n]*/gi;
const BEARER = /\bBearer [A-Za-z0-9._~+/=-]+/g;
/** API keys of CIM: what comes before the secret may be shown. */
const API_KEY = /\b(cim_[A-Za-z0-9_-]{12}_)[A-Za-z0-9_-]{43}/g;
/** Tokens (JWT): their header is always a JSON object. */
const TOKEN = /\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*/g;

/** The text without the login of a URL, the arguments that Redis repeats, and bearer tokens, API keys and tokens. */
export const redactText = (text: string): string =>
  text
    .replace(URL_LOGIN, `$1${HIDDEN}@`)
    .replace(REPEATED_ARGS, `with args ${HIDDEN}`)
    .replace(BEARER, `Bearer ${HIDDEN}`)
    .replace(API_KEY, `$1${HIDDEN}`)
    .replace(TOKEN, HIDDEN);

/** Type, message, code, stack and causes of an error; no other property, whatever library made it. */
export function loggedError(error: Error, depth = 0): LoggedError {
  const { message, stack, cause } = error;
  const { code, errors } = error as Error & { readonly code?: unknown; readonly errors?: unknown };
  const type = typeof error.name === 'string' && error.name !== '' ? redactText(error.name) : 'Error';
  const said = redactText(typeof message === 'string' ? message : 'no text');
  const deeper = depth + 1 < MAX_DEPTH;
  return {
    type,
    message: said,
    ...(typeof code === 'string' && { code: redactText(code) }),
    ...(typeof code === 'number' && { code }),
    ...(typeof stack === 'string' && { stack: [`${type}: ${said}`, ...placesOf(stack)].join('\n') }),
    ...(cause !== undefined && deeper && { cause: loggedCause(cause, depth + 1) }),
    ...(Array.isArray(errors) &&
      deeper && {
        errors: errors.slice(0, MAX_ERRORS).map((one: unknown) => loggedCause(one, depth + 1)),
      }),
  };
}

/** What a field of a log line may show: errors reduced, texts redacted, in plain objects and lists too. */
export function loggedValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return loggedError(value, depth);
  if (depth >= MAX_DEPTH) return value;
  if (Array.isArray(value)) return value.map((one: unknown) => loggedValue(one, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, loggedValue(one, depth + 1)]));
}

/** A thrown value that is no error has no known shape: only a text of it is kept. */
const loggedCause = (cause: unknown, depth: number): LoggedError | string =>
  cause instanceof Error
    ? loggedError(cause, depth)
    : typeof cause === 'string'
      ? redactText(cause)
      : typeof cause;

const placesOf = (stack: string): string[] => stack.split('\n').filter((line) => /^\s+at /.test(line));
