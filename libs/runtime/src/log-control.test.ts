import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { LogControl, type LogLevel } from './log-control.ts';
import { auditLogger, createLogger } from './logger.ts';

function start(t: TestContext, usual: LogLevel) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const lines: string[] = [];
  const control = new LogControl(usual);
  const logger = createLogger(usual, {}, { write: (line) => void lines.push(line) }, control);
  const audit = auditLogger(logger);
  /** Logs one line at each level for two users, and answers what was written. */
  const written = (): string => {
    lines.length = 0;
    for (const userId of [1, 2])
      for (const level of ['debug', 'info', 'warn', 'error'] as const)
        logger[level]({ userId }, `${level}${userId}`);
    audit.info({ userId: 2 }, 'audit');
    return lines.map((line) => (JSON.parse(line) as { msg: string }).msg).join(' ');
  };
  return { control, logger, lines, written };
}

describe('what is logged', () => {
  test('is changed to another level, and is as before when the given time has passed', (t) => {
    const { control, written } = start(t, 'info');
    assert.equal(written(), 'info1 warn1 error1 info2 warn2 error2 audit');
    control.want({ level: 'error' }, 60_000);
    assert.equal(written(), 'error1 error2 audit');
    t.mock.timers.tick(59_999);
    assert.equal(written(), 'error1 error2 audit');
    t.mock.timers.tick(1);
    assert.equal(written(), 'info1 warn1 error1 info2 warn2 error2 audit');
  });

  test('is every line of one user, and the lines of others that the level lets pass', (t) => {
    const { control, logger, lines, written } = start(t, 'warn');
    control.want({ user: 1 }, 60_000);
    assert.equal(written(), 'debug1 info1 warn1 error1 warn2 error2 audit');
    lines.length = 0;
    logger.info({ subject: 'user:1' }, 'ban');
    logger.info({ subject: 'user:12' }, 'ban');
    logger.info('no fields');
    assert.equal(lines.length, 1);
    control.want({ user: 2, level: 'silent' }, 60_000);
    assert.equal(written(), 'debug2 info2 warn2 error2 audit');
    control.want({}, 0);
    assert.equal(written(), 'warn1 error1 warn2 error2 audit');
  });

  test('follows the newest wish only, and ends with its time', (t) => {
    const { control, written } = start(t, 'info');
    control.want({ level: 'silent' }, 1_000);
    control.want({ level: 'error' }, 60_000);
    t.mock.timers.tick(1_000);
    assert.equal(written(), 'error1 error2 audit');
  });
});
