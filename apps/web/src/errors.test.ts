import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimError, CODES } from '@cim/protocol';

test('a Chinese page says in Chinese what went wrong, where it knows the code, and else what the server says', async () => {
  Object.defineProperty(globalThis, 'navigator', { value: { language: 'zh-CN' }, configurable: true });
  const { errorText, problemText, ZH_ERRORS } = await import('./errors.ts');
  const codes = new Set<string>(Object.values(CODES).map(({ code }) => code));
  for (const code of Object.keys(ZH_ERRORS)) assert.ok(codes.has(code), code);
  assert.equal(errorText(new CimError('unknownGroup')), '没有这个群组');
  assert.equal(errorText(new CimError('invalid', 'userName is empty')), '输入有误：userName is empty');
  assert.equal(errorText(new CimError('failure', 'no answer')), 'no answer');
  assert.equal(errorText('what'), 'what');
  assert.equal(problemText('9203', 'You are muted in this group'), '您在此群组中已被禁言');
});
