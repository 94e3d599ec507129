/** Error codes of HTTP answers and of receipts. docs/errors.md has the same table; a test compares them. */
export const CODES = {
  success: { code: '9000', message: 'Success' },
  invalid: { code: '3000', message: 'A field is missing or wrong' },
  failure: { code: '4000', message: 'Failure' },
  repeatLogin: { code: '5000', message: 'Repeat login, log out an account please!' },
  limited: { code: '6000', message: 'Too many requests, try again later' },
  offline: { code: '7000', message: 'You selected user is offline!, please try again later!' },
  noServer: { code: '7100', message: 'cim server is not available, please try again later!' },
  unknownAccount: { code: '9100', message: 'The User information you have used is incorrect!' },
  unknownGroup: { code: '9200', message: 'There is no such group' },
  notMember: { code: '9201', message: 'You are not a member of this group' },
  notAllowed: { code: '9202', message: 'Your role in this group does not allow this' },
  muted: { code: '9203', message: 'You are muted in this group' },
  groupFull: { code: '9204', message: 'The group has 100,000 members, and takes no more' },
  tooManyGroups: { code: '9205', message: 'A user can be a member of 1,000 groups at most' },
  unknownDevice: { code: '9300', message: 'You have no such device' },
  tooManyDevices: { code: '9301', message: 'You have too many devices; end the session of one of them' },
  unknownType: { code: '9400', message: 'There is no such content type' },
  unknownMessage: { code: '9401', message: 'There is no such message in this conversation' },
  notYours: { code: '9402', message: 'This message is not yours' },
  tooLate: { code: '9403', message: 'A message can be recalled for 24 hours' },
  foreignCursor: { code: '9404', message: 'The page cursor belongs to another list' },
  beyondEnd: { code: '9405', message: 'The read mark is beyond the end of the conversation' },
  suspended: { code: '9500', message: 'This user or address is suspended for a while' },
  blocked: { code: '9501', message: 'The recipient has blocked you' },
  inboxShare: { code: '9502', message: 'The recipient has too many of your messages to read first' },
  forbidden: { code: '9503', message: 'This credential does not allow this' },
  expired: { code: '9504', message: 'This credential is too old; log in again' },
  tooManyBlocks: { code: '9505', message: 'A user can block 1,000 others at most' },
  tooManyScheduled: { code: '9506', message: 'You have too many scheduled messages' },
  sendTime: { code: '9507', message: 'A message can be sent from now up to 30 days ahead' },
  beingSent: { code: '9508', message: 'The message is being sent; it is too late to cancel it' },
  unknownServer: { code: '9515', message: 'There is no such im-server' },
  untrusted: { code: '9520', message: 'The certificate of the server cannot be trusted' },
  tlsMismatch: { code: '9521', message: 'One side speaks TLS, the other plain text' },
  unknownWebhook: { code: '9530', message: 'There is no such webhook' },
  moderated: { code: '9535', message: 'This message is not allowed here' },
  held: { code: '9536', message: 'The message waits for a decision' },
  tooManyHeld: { code: '9537', message: 'Too many messages wait for a decision; send it again later' },
  unknownHeld: { code: '9538', message: 'No message with this id waits for a decision' },
  unchecked: { code: '9539', message: 'The message could not be checked; send it again later' },
} as const;

export type CodeName = keyof typeof CODES;
export type Code = (typeof CODES)[CodeName]['code'];

/** A request that cannot be served: a code for programs and one line for people. */
export class CimError extends Error {
  /** A code of docs/errors.md. Codes never change their meaning. */
  readonly code: Code;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The caller should wait this long before it tries again [ms]; 0 when no wait is known. */
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
