import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newWebhookSecret, signatureHeaders, webhookSecretProblem } from './signature.ts';

/** The example of the documents of Standard Webhooks. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const BODY = '{"test": 2432232314}';
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

test('a body is signed as the convention of Standard Webhooks says', () => {
  assert.deepEqual(signatureHeaders([SECRET], ID, 1_614_265_330_999, BODY), {
    'webhook-id': ID,
    'webhook-timestamp': '1614265330',
    'webhook-signature': SIGNATURE,
  });
});

test('while a key is replaced, each secret signs', () => {
  const headers = signatureHeaders([newWebhookSecret(), SECRET], ID, 1_614_265_330_000, BODY);
  const [first, second, ...more] = headers['webhook-signature']?.split(' ') ?? [];
  assert.match(first ?? '', /^v1,[A-Za-z0-9+/]{43}=$/);
  assert.notEqual(first, SIGNATURE);
  assert.equal(second, SIGNATURE);
  assert.deepEqual(more, []);
});

test('without a secret nothing is signed', () => {
  assert.deepEqual(Object.keys(signatureHeaders([], ID, 0, BODY)), ['webhook-id', 'webhook-timestamp']);
});

test('a secret is whsec_ and 24 to 64 bytes in base64', () => {
  assert.equal(webhookSecretProblem(SECRET), undefined);
  assert.equal(webhookSecretProblem(newWebhookSecret()), undefined);
  assert.equal(webhookSecretProblem(`whsec_${Buffer.alloc(64).toString('base64')}`), undefined);
  for (const wrong of [
    '',
    'whsec_',
    SECRET.slice(6),
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
    `${SECRET}*`,
    `${SECRET.slice(0, -1)} `,
  ])
    assert.match(webhookSecretProblem(wrong) ?? '', /^must be whsec_ and 24 to 64 bytes/, wrong);
});
