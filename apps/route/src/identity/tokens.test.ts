/** Valid and hostile tokens, against the rules that settings make. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CimError, CODES } from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { type Algorithm, handMade, seconds, SECRET_KEY, Signer } from '../../test/signer.ts';
import type { TokenConfig } from '../config.ts';
import { tokenRules } from './token-settings.ts';
import { Tokens, TOKEN_CHARACTERS } from './tokens.ts';

const NONE: TokenConfig = {
  ...{ jwtKey: '', jwtJwksUrl: '', jwtAlgorithms: [], jwtIssuer: '', jwtAudience: '', jwtGroups: [] },
};
const tokensOf = (config: Partial<TokenConfig>, now?: () => number): Tokens =>
  new Tokens(tokenRules({ ...NONE, ...config }, silentLogger()), now);

const ALGORITHMS: readonly Algorithm[] = ['HS256', 'RS256', 'ES256', 'EdDSA'];
const signers = new Map(ALGORITHMS.map((algorithm) => [algorithm, new Signer(algorithm)]));
const signerOf = (algorithm: Algorithm): Signer => signers.get(algorithm) ?? new Signer(algorithm);

async function refused(
  token: string,
  tokens: Tokens,
  text: RegExp,
  name: 'unknownAccount' | 'expired' = 'unknownAccount',
) {
  await assert.rejects(tokens.claims(token), (error: unknown) => {
    assert.ok(error instanceof CimError, String(error));
    assert.equal(error.code, CODES[name].code, error.message);
    assert.match(error.message, text);
    assert.match(error.message, /^[^\n]+$/);
    assert.ok(
      token.length < 20 || !error.message.includes(token.slice(0, 100)),
      'the message does not repeat the token',
    );
    return true;
  });
}

describe('a token', () => {
  test('of each algorithm is valid with its own key only', async () => {
    for (const algorithm of ALGORITHMS) {
      const tokens = tokensOf({ jwtKey: signerOf(algorithm).publicText });
      for (const other of ALGORITHMS) {
        const token = await signerOf(other).sign({ sub: 'u-7', name: 'Änne', groups: ['17', 'ops'] });
        if (other === algorithm)
          assert.deepEqual(await tokens.claims(token), {
            subject: 'u-7',
            name: 'Änne',
            groups: ['17', 'ops'],
          });
        else await refused(token, tokens, /"alg".*not allowed/);
      }
    }
    const another = await new Signer('ES256').sign({ sub: '7' });
    await refused(
      another,
      tokensOf({ jwtKey: signerOf('ES256').publicText }),
      /signature verification failed/,
    );
  });

  test('cannot choose its algorithm: `none`, and a public key used as a secret, are refused', async () => {
    const claims = { sub: '7', exp: seconds() + 60 };
    for (const algorithm of ['RS256', 'ES256', 'EdDSA'] as const) {
      const { publicText } = signerOf(algorithm);
      const tokens = tokensOf({ jwtKey: publicText });
      for (const alg of ['none', 'None', 'NONE', 'nOnE', ''])
        await refused(handMade({ alg }, claims), tokens, /^this token does not count/);
      for (const secret of [publicText, publicText.trim(), publicText.replaceAll('\n', '')])
        for (const alg of ['HS256', algorithm])
          await refused(handMade({ alg }, claims, secret), tokens, /count/);
      await refused(handMade({}, claims, publicText), tokens, /count/);
    }
    const tokens = tokensOf({ jwtKey: SECRET_KEY });
    await refused(handMade({ alg: 'none' }, claims), tokens, /not allowed/);
    await refused(handMade({ alg: 'HS512' }, claims, SECRET_KEY), tokens, /not allowed/);
    await refused(handMade({ alg: 'HS256' }, claims, 'another secret'), tokens, /signature/);
    assert.equal((await tokens.claims(handMade({ alg: 'HS256' }, claims, SECRET_KEY))).subject, '7');
  });

  test('cannot name the place of its key: kid, jku, x5u and jwk are ignored, and critical headers must be known', async () => {
    const signer = signerOf('ES256');
    const tokens = tokensOf({ jwtKey: signer.publicText });
    const odd = [
      { kid: '../../../../etc/passwd' },
      { kid: "' or 1=1 --" },
      { jku: 'http://127.0.0.1:1/keys' },
      { x5u: 'http://127.0.0.1:1/key' },
    ];
    for (const header of odd)
      assert.equal((await tokens.claims(await signer.sign({ sub: '7' }, header))).subject, '7');
    // A token signed with a key that it brings itself.
    const own = new Signer('ES256');
    await refused(await own.sign({ sub: '7' }, { jwk: own.jwk }), tokens, /signature/);
    const critical = handMade(
      { alg: 'HS256', crit: ['exp2'], exp2: 1 },
      { sub: '7', exp: seconds() + 9 },
      SECRET_KEY,
    );
    await refused(critical, tokensOf({ jwtKey: SECRET_KEY }), /crit|exp2/i);
  });

  test('is valid from nbf to exp, with 60 s for different clocks', async () => {
    const now = 1_800_000_000;
    let at = now;
    const tokens = tokensOf({ jwtKey: SECRET_KEY }, () => at * 1_000);
    const token = handMade({ alg: 'HS256' }, { sub: '7', nbf: now, exp: now + 100 }, SECRET_KEY);
    for (const [time, counts] of [
      [now - 61, false],
      [now - 60, true],
      [now + 100, true],
      [now + 159, true],
      [now + 160, false],
      [now + 10_000, false],
    ] as const) {
      at = time;
      if (counts) assert.equal((await tokens.claims(token)).subject, '7', String(time - now));
      else if (time < now) await refused(token, tokens, /nbf/);
      else await refused(token, tokens, /has expired; get a fresh one/, 'expired');
    }
    at = now;
    for (const exp of ['soon', null, true, {}, `${now + 100}`])
      await refused(handMade({ alg: 'HS256' }, { sub: '7', exp }, SECRET_KEY), tokens, /exp/);
    await refused(
      handMade({ alg: 'HS256' }, { sub: '7', exp: now + 9, nbf: 'x' }, SECRET_KEY),
      tokens,
      /nbf/,
    );
  });

  test('needs a subject, an end, and claims of the right types, each once', async () => {
    const tokens = tokensOf({ jwtKey: SECRET_KEY });
    const exp = seconds() + 60;
    const made = (claims: object | string): string => handMade({ alg: 'HS256' }, claims, SECRET_KEY);
    await refused(made({ exp }), tokens, /"sub"/);
    await refused(made({ sub: '7' }), tokens, /"exp"/);
    for (const sub of ['', 7, null, ['7'], 'x'.repeat(256), 'half \ud800']) {
      const json = JSON.stringify({ sub, exp });
      await refused(made(json), tokens, /"sub"/);
    }
    await refused(made({ sub: '7', exp, name: 7 }), tokens, /"name"/);
    for (const groups of ['17', { 0: '17' }, [17], Array.from({ length: 101 }, String)])
      await refused(made({ sub: '7', exp, groups }), tokens, /"groups"/);
    for (const twice of [
      `{"sub":"7","sub":"8","exp":${exp}}`,
      `{"sub":"8","exp":${exp},"\\u0073ub" : "7"}`,
      `{"exp":1,"sub":"7","a":{"x":["]"]},"exp":${exp}}`,
    ])
      await refused(made(twice), tokens, /the claim "(sub|exp)" twice/);
    const nested = made(`{"a":{"sub":"8","exp":1},"b":"\\"sub\\":","sub":"7","exp":${exp}}`);
    assert.equal((await tokens.claims(nested)).subject, '7');
    for (const json of ['[]', '"x"', 'null', '{', '{"sub":"7"', ''])
      await refused(made(json), tokens, /^this token does not count/);
  });

  test('of the wrong form, or too long, is refused at once', async () => {
    const tokens = tokensOf({ jwtKey: SECRET_KEY });
    for (const text of [
      '',
      '.',
      '..',
      'a.b',
      'a.b.c',
      'a.b.c.d',
      '\u0000',
      '💩.💩.💩',
      `e30.${'A'.repeat(4_000)}.A`,
    ])
      await refused(text, tokens, /count/);
    await refused('x.'.repeat(500_000), tokens, new RegExp(`longer than ${TOKEN_CHARACTERS}`));
  });

  test('of another issuer or audience is refused where the settings name these', async () => {
    const tokens = tokensOf({ jwtKey: SECRET_KEY, jwtIssuer: 'https://shop.example', jwtAudience: 'chat' });
    const signer = signerOf('HS256');
    const good = { sub: '7', iss: 'https://shop.example', aud: ['web', 'chat'] };
    assert.equal((await tokens.claims(await signer.sign(good))).subject, '7');
    await refused(await signer.sign({ ...good, iss: 'https://shop.example.evil' }), tokens, /"iss"/);
    await refused(await signer.sign({ ...good, iss: undefined }), tokens, /"iss"/);
    await refused(await signer.sign({ ...good, aud: 'web' }), tokens, /"aud"/);
    await refused(await signer.sign({ ...good, aud: undefined }), tokens, /"aud"/);
  });
});

describe('settings of tokens', () => {
  const wrong = (config: Partial<TokenConfig>, text: RegExp): void => {
    assert.throws(
      () => tokenRules({ ...NONE, ...config }, silentLogger()),
      (error: Error) => text.test(error.message) && !error.message.includes('\n'),
    );
  };

  test('that are missing, weak or do not go together end the start with one line', () => {
    wrong({}, /CIM_JWT_KEY or CIM_JWT_JWKS_URL/);
    wrong({ jwtKey: SECRET_KEY, jwtJwksUrl: 'https://a.example' }, /one of them/);
    wrong({ jwtKey: 'short' }, /has 5 bytes; a secret has at least 32/);
    wrong(
      { jwtKey: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n' },
      /no PEM of a public key/,
    );
    wrong({ jwtKey: '-----BEGIN PRIVATE KEY-----\nAAAA\n' }, /give the public one/);
    wrong({ jwtKey: signerOf('RS256').publicText, jwtAlgorithms: ['HS256'] }, /checks RS256 only/);
    wrong({ jwtKey: SECRET_KEY, jwtAlgorithms: ['HS256', 'ES256'] }, /has ES256; a secret checks HS256 only/);
    wrong({ jwtJwksUrl: 'http://keys.example/', jwtAudience: 'chat' }, /https URL/);
    wrong({ jwtJwksUrl: 'file:///etc/passwd', jwtAudience: 'chat' }, /https URL/);
    wrong({ jwtJwksUrl: 'https://keys.example/' }, /CIM_JWT_AUDIENCE must be set/);
    wrong({ jwtJwksUrl: 'https://keys.example/', jwtAudience: 'a', jwtAlgorithms: ['HS256'] }, /has HS256/);
  });

  test('accept a PEM whose line breaks are written as \\n', async () => {
    const signer = signerOf('ES256');
    const tokens = tokensOf({ jwtKey: signer.publicText.trim().replaceAll('\n', '\\n') });
    assert.equal((await tokens.claims(await signer.sign({ sub: '7' }))).subject, '7');
  });
});
