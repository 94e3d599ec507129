import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLogger } from './logger.ts';
import { loggedError, redactText } from './redaction.ts';

const SECRET = 'hunter2secret';

/** An error as ioredis makes it, with the failed command. */
const replyError = (): Error =>
  Object.assign(new Error('WRONGPASS invalid username-password pair or user is disabled.'), {
    command: { name: 'hello', args: ['3', 'AUTH', 'app', SECRET] },
    previousErrors: [{ url: `redis://app:${SECRET}@host` }],
    code: 'WRONGPASS',
  });

function recording() {
  const lines: string[] = [];
  const logger = createLogger(
    'debug',
    { program: 'test' },
    { write: (line: string) => void lines.push(line) },
  );
  return { lines, logger };
}

describe('a log line', () => {
  test('of an error has its type, message, code, stack and causes, and no property that a library added', () => {
    const { lines, logger } = recording();
    const error = new Error('the store does not answer', { cause: replyError() });
    logger.warn({ err: error, dir: 'd' }, 'redis.error');
    const line = JSON.parse(lines.join('')) as Record<string, unknown>;
    const err = line['err'] as Record<string, unknown>;
    assert.deepEqual([line['program'], line['dir'], line['msg']], ['test', 'd', 'redis.error']);
    assert.deepEqual(Object.keys(err), ['type', 'message', 'stack', 'cause']);
    assert.match(String(err['stack']), /^Error: the store does not answer\n\s+at .*redaction\.test\.ts/);
    const cause = err['cause'] as Record<string, unknown>;
    assert.deepEqual(Object.keys(cause), ['type', 'message', 'code', 'stack']);
    assert.deepEqual([cause['type'], cause['code']], ['Error', 'WRONGPASS']);
    assert.match(String(cause['message']), /^WRONGPASS/);
  });

  test('has no secret, under whatever name and however deep the error is, and in child loggers too', () => {
    const { lines, logger } = recording();
    const child = logger.child({ reqId: 1 }, { serializers: { err: (error: unknown) => error } });
    const wrapped = new AggregateError([replyError(), replyError()], `tried redis://:${SECRET}@h:1 and more`);
    for (const to of [logger, child]) {
      to.error(replyError());
      to.error(replyError(), 'with words');
      to.error({ err: replyError() }, 'x');
      to.error({ error: replyError() }, 'x');
      to.error({ why: { first: replyError(), all: [replyError()] } }, 'x');
      to.error({ err: wrapped }, `at redis+sentinel://app:${SECRET}@h1:1,h2:2/main`);
      to.error({ why: `redis://app:${SECRET}@h/0 is away` }, 'cannot use %s', `redis://:${SECRET}@h`);
      to.error({ err: new Error(`Authorization: Bearer ${SECRET}`) });
    }
    assert.equal(lines.length, 16);
    assert.ok(
      !lines.join('').includes(SECRET),
      lines.find((line) => line.includes(SECRET)),
    );
    const [alone] = lines;
    assert.match(alone ?? '', /"msg":"WRONGPASS invalid/);
  });

  test('leaves what is no error and no secret as it was', () => {
    const { lines, logger } = recording();
    const fields = { user: 1001, on: true, none: null, list: [1, 'a'], at: { host: 'h', port: 1 } };
    logger.info(fields, 'a.b %d', 7);
    const { level, time, program, msg, ...rest } = JSON.parse(lines.join('')) as Record<string, unknown>;
    assert.ok(level === 30 && typeof time === 'number' && program === 'test');
    assert.deepEqual([rest, msg], [fields, 'a.b 7']);
  });
});

test('the login of a URL is hidden, and so are arguments that Redis repeats', () => {
  for (const [text, expected] of [
    [`redis://app:${SECRET}@host:1/0`, 'redis://***@host:1/0'],
    [`rediss://:${SECRET}@a`, 'rediss://***@a'],
    ['http://u:p@q@h/x and https://h/y', 'http://***@h/x and https://h/y'],
    [`with cim_AbCdEf-_1234_${'x'.repeat(43)} and more`, 'with cim_AbCdEf-_1234_*** and more'],
    [`of eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl, sub`, 'of ***, sub'],
    ['mail a@b, redis://h:1/0', 'mail a@b, redis://h:1/0'],
    [
      `ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'app' '${SECRET}'`,
      "ERR unknown command 'HELLO', with args ***",
    ],
  ] as const)
    assert.equal(redactText(text), expected);
});

test('an error whose causes run in a circle, or whose parts are of other types, is still one object', () => {
  const error = Object.assign(new Error('x'), { code: { secret: SECRET } });
  error.cause = error;
  assert.ok(!JSON.stringify(loggedError(error)).includes(SECRET));
  assert.equal(loggedError(new Error('x', { cause: { password: SECRET } })).cause, 'object');
  const odd = Object.defineProperties(new Error('x'), { message: { value: 7 }, stack: { value: undefined } });
  assert.deepEqual(loggedError(odd), { type: 'Error', message: 'no text' });
});
