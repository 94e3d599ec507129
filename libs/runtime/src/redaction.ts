/**
 * Keeps secrets out of logs and messages. The error of a library may carry anything: ioredis adds the failed
 * command, which holds the password when the command was AUTH. So an error is never logged whole.
 */

/** The parts of an error that may be logged. */
export interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: string | number;
  /** The first line, then the lines that name a place in the code. */
  readonly stack?: string;
  readonly cause?: LoggedError | string;
  /** The first errors of an AggregateError. */
  readonly errors?: readonly (LoggedError | string)[];
}

/** Depth to which the causes of an error, and the objects in the fields of a log line, are followed. */
const MAX_DEPTH = 4;
const MAX_ERRORS = 4;
const HIDDEN = '***';

/**
 * `scheme://user:password@` or `scheme://:password@`. A password may hold an "@" itself: all up to the last
 * one is hidden.
 */
const URL_LOGIN = /([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"'`]*@/gi;
/**
 * Redis repeats a command that it does not know: "ERR unknown command 'HELLO', with args beginning with: '3'
 * 'AUTH' 'user' 'password'".
 */
const REPEATED_ARGS = /with args beginning with:[^\n]*/gi;
const BEARER = /\bBearer [A-Za-z0-9._~+/=-]+/g;
/** API keys of CIM. The part before the secret may be shown. */
const API_KEY = /\b(cim_[A-Za-z0-9_-]{12}_)[A-Za-z0-9_-]{43}/g;
/** Tokens (JWT). Their header is always a JSON object. */
const TOKEN = /\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*/g;

/** Hides the login of a URL, arguments that Redis repeats, bearer tokens, API keys and JWTs in the text. */
export const redactText = (text: string): string =>
  text
    .replace(URL_LOGIN, `$1${HIDDEN}@`)
    .replace(REPEATED_ARGS, `with args ${HIDDEN}`)
    .replace(BEARER, `Bearer ${HIDDEN}`)
    .replace(API_KEY, `$1${HIDDEN}`)
    .replace(TOKEN, HIDDEN);

/** Reduces an error to its type, message, code, stack and causes. All other properties are left out. */
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

/**
 * Makes the value of a log field safe: errors are reduced and texts redacted, in plain objects and lists too.
 */
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

/** A thrown value that is not an error has no known shape. Only its text is logged. */
const loggedCause = (cause: unknown, depth: number): LoggedError | string =>
  cause instanceof Error
    ? loggedError(cause, depth)
    : typeof cause === 'string'
      ? redactText(cause)
      : typeof cause;

const placesOf = (stack: string): string[] => stack.split('\n').filter((line) => /^\s+at /.test(line));
