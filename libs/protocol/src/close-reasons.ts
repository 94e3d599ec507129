/**
 * The reasons why a channel ends. `Goaway.reason` carries the number. Below 100 the client may reconnect at
 * once or after a pause. From 100 on a reconnect fails again unless something changes on the client's side.
 * docs/errors.md has the same table; a test compares them.
 */
export const CLOSE_REASONS = {
  closed: { number: 0, text: 'the other side closed the connection', reconnect: true },
  error: { number: 1, text: 'the connection broke', reconnect: true },
  idle: { number: 2, text: 'nothing was heard for too long', reconnect: true },
  draining: { number: 3, text: 'the server is going away', reconnect: true },
  'slow-consumer': { number: 4, text: 'what was sent was not read in time', reconnect: true },
  unavailable: { number: 5, text: 'the store did not answer', reconnect: true },
  'ack-timeout': { number: 6, text: 'entries were not acknowledged', reconnect: true },
  limited: { number: 7, text: 'too much at once; come back later', reconnect: true },
  expired: { number: 8, text: 'the session has reached the end of its life; log in anew', reconnect: true },
  'login-timeout': { number: 100, text: 'no login within 5 s', reconnect: false },
  'bad-frame': { number: 101, text: 'the bytes are not a frame of this protocol', reconnect: false },
  'frame-too-large': { number: 102, text: 'a frame is longer than allowed', reconnect: false },
  unauthorized: {
    number: 103,
    text: 'no valid login for this channel; log in at the route first',
    reconnect: false,
  },
  superseded: { number: 104, text: 'a later login has replaced this session', reconnect: false },
  'logged-out': { number: 105, text: 'the session was logged out', reconnect: false },
  'protocol-error': { number: 106, text: 'a frame came that is not allowed here', reconnect: false },
  suspended: { number: 107, text: 'this user or address is suspended for a while', reconnect: false },
  untrusted: { number: 108, text: 'the certificate of the server cannot be trusted', reconnect: false },
  'tls-mismatch': { number: 109, text: 'this port speaks TLS: connect with TLS', reconnect: false },
} as const satisfies Record<string, { number: number; text: string; reconnect: boolean }>;

export type CloseReason = keyof typeof CLOSE_REASONS;

const byNumber = new Map<number, CloseReason>(
  Object.entries(CLOSE_REASONS).map(([name, r]) => [r.number, name as CloseReason]),
);

/** The close reason with this number; `closed` for a number that this version does not know. */
export const closeReasonOf = (number: number): CloseReason => byNumber.get(number) ?? 'closed';
