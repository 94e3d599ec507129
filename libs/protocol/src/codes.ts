/** Error codes of HTTP answers and of receipts. docs/errors.md says the same; a test compares them. */
export const CODES = {
  success: { code: '9000', message: 'Success' },
  invalid: { code: '3000', message: 'A field is missing or wrong' },
  failure: { code: '4000', message: 'Failure' },
  repeatLogin: { code: '5000', message: 'Repeat login, log out an account please!' },
  limited: { code: '6000', message: 'Too many requests, try again later' },
  offline: { code: '7000', message: 'You selected user is offline!, please try again later!' },
  noServer: { code: '7100', message: 'cim server is not available, please try again later!' },
  unknownAccount: { code: '9100', message: 'The User information you have used is incorrect!' },
} as const;

export type CodeName = keyof typeof CODES;
export type Code = (typeof CODES)[CodeName]['code'];

/** A request that cannot be served: one line for a person, a code for a program. */
export class CimError extends Error {
  readonly code: Code;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Not sooner than this, ms, when whoever refused said so; 0 otherwise. */
  readonly retryAfterMs: number;

  constructor(
    name: CodeName,
    message: string = CODES[name].message,
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs ?? 0;
    this.name = 'CimError';
    this.code = CODES[name].code;
    this.retryable = name === 'failure' || name === 'limited' || name === 'noServer';
  }
}
