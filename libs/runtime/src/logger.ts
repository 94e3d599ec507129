import pino from 'pino';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Structured, event first: `logger.info({ userId }, 'session.closed')`. Never a message's text, never a secret. */
export type Logger = pino.Logger;

/** JSON lines on standard error; standard output belongs to what the program says to its user. */
export const createLogger = (level: LogLevel, bindings: Record<string, unknown> = {}): Logger =>
  pino({ level, base: bindings }, pino.destination({ fd: 2, sync: false }));

export const silentLogger = (): Logger => pino({ level: 'silent' });
