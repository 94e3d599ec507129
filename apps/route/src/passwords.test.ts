import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CimError } from '@cim/protocol';
import { passwordProblem, Passwords } from './passwords.ts';

const plain = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
// The scrypt vector of RFC 7914, section 12: "pleaseletmein", "SodiumChloride", N=16384, r=8, p=1, 64 bytes.
const key = Buffer.from(
  '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
    'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
  'hex',
);
const SCRYPT = `$scrypt$ln=14,r=8,p=1$${plain(Buffer.from('SodiumChloride'))}$${plain(key)}`;

test('a password matches only its own hash, in every Unicode form of its letters', async () => {
  const passwords = new Passwords();
  const stored = await passwords.hash('pâssword');
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[^$]{22}\$[^$]{43}$/);
  assert.equal(passwords.isCurrent(stored), true);
  assert.equal(await passwords.matches('pâssword', stored), true);
  assert.equal(await passwords.matches('pa\u0302ssword', stored), true);
  assert.equal(await passwords.matches('password', stored), false);
  assert.notEqual(await passwords.hash('pâssword'), stored);
});

test('a hash of scrypt or with other parameters is still accepted, and marked for renewal', async () => {
  const passwords = new Passwords();
  // The argon2id vector of the reference implementation: "password", "somesalt", v=19, m=256, t=2, p=1.
  const weak = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4';
  for (const [stored, password] of [
    [SCRYPT, 'pleaseletmein'],
    [weak, 'password'],
  ] as const) {
    assert.equal(await passwords.matches(password, stored), true);
    assert.equal(await passwords.matches(`${password}!`, stored), false);
    assert.equal(passwords.isCurrent(stored), false);
  }
});

test('a text that is not a hash matches nothing', async () => {
  const passwords = new Passwords();
  for (const nonsense of [
    '',
    'x',
    '$scrypt$ln=15,r=8,p=1$$',
    '$argon2id$v=19$m=1,t=1,p=1$AAAA$AAAA',
    '$argon2id$',
    '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$AAAA',
  ])
    assert.equal(await passwords.matches('', nonsense), false, nonsense);
});

test('a new password has 8 characters at least, however many bytes or code units they take', () => {
  for (const short of ['', 'seven77', 'p\u0302a\u0302ssw7', '🦊🦊🦊🦊🦊🦊🦊'])
    assert.match(passwordProblem(short) ?? '', /^a password has at least 8 characters, this one has [0-7]$/);
  for (const fine of ['eight888', '🦊🦊🦊🦊🦊🦊🦊🦊', 'correct horse battery staple'])
    assert.equal(passwordProblem(fine), undefined);
});

test('the event loop turns while passwords are hashed', async () => {
  const passwords = new Passwords();
  let turns = 0;
  let hashing = true;
  const turn = (): void => {
    turns++;
    if (hashing) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(['a', 'b', 'c', 'd'].map((letter) => passwords.hash(letter.repeat(8))));
  hashing = false;
  // Hashing on the loop itself would leave only a few turns, one between two hashes.
  assert.ok(turns > 50, `${turns} turns`);
});

test('too many at once are answered "try again", and earlier ones are served', async () => {
  const passwords = new Passwords(undefined, 16);
  const answers = await Promise.allSettled(
    Array.from({ length: 40 }, () => passwords.matches('x', '$scrypt$ln=4,r=1,p=1$AAAA$AAAA', '192.0.2.1')),
  );
  const refused = answers.filter((answer) => answer.status === 'rejected');
  assert.equal(refused.length, 40 - 16 - 2);
  for (const { reason } of refused)
    assert.ok(reason instanceof CimError && reason.code === '6000' && reason.retryAfterMs > 0);
});
