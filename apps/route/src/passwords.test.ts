import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimError } from '@cim/protocol';
import { Passwords } from './passwords.ts';

test('a password matches its own hash, whatever form its letters came in, and no other', async () => {
  const passwords = new Passwords();
  const stored = await passwords.hash('pâss');
  assert.match(stored, /^\$scrypt\$ln=15,r=8,p=1\$[^$]{22}\$[^$]{43}$/);
  assert.equal(await passwords.matches('pâss', stored), true);
  assert.equal(await passwords.matches('pa\u0302ss', stored), true);
  assert.equal(await passwords.matches('pass', stored), false);
  assert.notEqual(await passwords.hash('pâss'), stored);
});

test('a hash of other parameters is still understood, and what is no hash matches nothing', async () => {
  const passwords = new Passwords();
  // scrypt of RFC 7914, section 12: "pleaseletmein", "SodiumChloride", N=16384, r=8, p=1, 64 bytes.
  const key = Buffer.from(
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
      'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    'hex',
  );
  const plain = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  const stored = `$scrypt$ln=14,r=8,p=1$${plain(Buffer.from('SodiumChloride'))}$${plain(key)}`;
  assert.equal(await passwords.matches('pleaseletmein', stored), true);
  for (const nonsense of ['', 'x', '$scrypt$ln=15,r=8,p=1$$', '$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA'])
    assert.equal(await passwords.matches('', nonsense), false);
});

test('too many at once are told to come back, and those before them are served', async () => {
  const passwords = new Passwords();
  const answers = await Promise.allSettled(
    Array.from({ length: 80 }, () => passwords.matches('x', '$scrypt$ln=4,r=1,p=1$AAAA$AAAA')),
  );
  const refused = answers.filter((answer) => answer.status === 'rejected');
  assert.equal(refused.length, 80 - 64 - 2);
  for (const { reason } of refused) assert.ok(reason instanceof CimError && reason.code === '6000');
});
