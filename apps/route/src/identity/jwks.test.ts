/** Published keys, from a real HTTP server that hangs, fails and changes them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '@cim/runtime';
import { until } from '@cim/testkit';
import { type JWK, jwtVerify } from 'jose';
import { Signer } from '../../test/signer.ts';
import { Jwks } from './jwks.ts';

const MINUTE_MS = 60_000;

class Issuer {
  keys: readonly JWK[] = [];
  answer: (response: ServerResponse) => void = (response) =>
    response.end(JSON.stringify({ keys: this.keys }));
  asked = 0;
  now = 0;
  readonly jwks: Jwks;

  private constructor(url: string, timeoutMs: number) {
    this.jwks = new Jwks({ url, logger: silentLogger(), timeoutMs, now: () => this.now });
  }

  static async start(t: TestContext, timeoutMs = 2_000): Promise<Issuer> {
    const server = createServer((_request, response) => {
      issuer.asked++;
      issuer.answer(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const issuer = new Issuer(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`, timeoutMs);
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return issuer;
  }

  async subjectOf(token: string): Promise<string | undefined> {
    const algorithms = ['RS256', 'ES256', 'EdDSA'];
    return (await jwtVerify(token, this.jwks.find, { algorithms })).payload.sub;
  }

  fails(): void {
    this.answer = (response) => response.writeHead(500).end('no');
  }

  hangs(): void {
    this.answer = () => undefined;
  }
}

test('keys are fetched once for many tokens, and again after 10 minutes while the old ones stay valid', async (t) => {
  const issuer = await Issuer.start(t);
  const signer = new Signer('ES256');
  issuer.keys = [signer.jwk];
  const token = await signer.sign({ sub: '7' });
  const subjects = await Promise.all(Array.from({ length: 20 }, () => issuer.subjectOf(token)));
  assert.deepEqual([new Set(subjects), issuer.asked], [new Set(['7']), 1]);
  issuer.now = 9 * MINUTE_MS;
  await issuer.subjectOf(token);
  assert.equal(issuer.asked, 1);
  issuer.now = 11 * MINUTE_MS;
  issuer.hangs();
  // The fetch hangs, and no token waits for it.
  assert.equal(await issuer.subjectOf(token), '7');
  await until('the keys are asked for', () => issuer.asked === 2);
});

test('a new key is fetched when a token names it, at most once in 30 s', async (t) => {
  const issuer = await Issuer.start(t);
  const [old, next] = [new Signer('ES256', 'old'), new Signer('RS256', 'next')];
  issuer.keys = [old.jwk];
  await issuer.subjectOf(await old.sign({ sub: '7' }));
  const token = await next.sign({ sub: '8' });
  issuer.keys = [next.jwk];
  await assert.rejects(issuer.subjectOf(token), /no applicable key/);
  assert.equal(issuer.asked, 1, 'too soon');
  issuer.now = 31_000;
  assert.equal(await issuer.subjectOf(token), '8');
  assert.equal(issuer.asked, 2);
  for (let i = 0; i < 50; i++)
    await assert.rejects(
      issuer.subjectOf(await new Signer('EdDSA', `../${i}`).sign({ sub: '9' })),
      /no applicable/,
    );
  assert.equal(issuer.asked, 2);
  // A withdrawn key opens nothing.
  await assert.rejects(issuer.subjectOf(await old.sign({ sub: '7' })), /no applicable/);
});

test('while the issuer fails its last keys are valid for a day, and then all tokens are refused', async (t) => {
  const issuer = await Issuer.start(t);
  const signer = new Signer('EdDSA');
  issuer.keys = [signer.jwk];
  const token = await signer.sign({ sub: '7' });
  await issuer.subjectOf(token);
  issuer.fails();
  for (let hour = 1; hour < 24; hour++) {
    issuer.now = hour * 60 * MINUTE_MS;
    assert.equal(await issuer.subjectOf(token), '7', `after ${hour} h`);
    // The failed fetch of the hour before may have ended only now. No fetch follows for some time after it.
    await until('it was asked', () => {
      issuer.now += 1_000;
      issuer.subjectOf(token).catch(() => undefined);
      return issuer.asked === hour + 1;
    });
  }
  issuer.now = 24 * 60 * MINUTE_MS;
  const refused = { code: '4000', retryable: true };
  await assert.rejects(issuer.subjectOf(token), refused);
  issuer.answer = (response) => response.end(JSON.stringify({ keys: issuer.keys }));
  issuer.now += 5_000;
  assert.equal(await issuer.subjectOf(token), '7');
});

test('before the first keys a token waits as long as a fetch may take, and is then answered "try again"', async (t) => {
  const issuer = await Issuer.start(t, 200);
  const signer = new Signer('ES256');
  const token = await signer.sign({ sub: '7' });
  issuer.hangs();
  const begun = performance.now();
  await assert.rejects(issuer.subjectOf(token), { code: '4000', retryAfterMs: 5_000 });
  assert.ok(performance.now() - begun >= 190);
  for (let i = 0; i < 10; i++) await assert.rejects(issuer.subjectOf(token), { code: '4000' });
  assert.equal(issuer.asked, 1, 'a failed fetch is not repeated for each token');
  issuer.keys = [signer.jwk];
  issuer.answer = (response) => response.end(JSON.stringify({ keys: issuer.keys }));
  issuer.now = 5_000;
  assert.equal(await issuer.subjectOf(token), '7');
});

test('an answer that is not a list of public keys is refused: a redirect, other bytes, too many bytes, secrets', async (t) => {
  const signer = new Signer('HS256');
  for (const answer of [
    (response: ServerResponse) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    (response: ServerResponse) => response.end('<html>'),
    (response: ServerResponse) => response.end('{}'),
    (response: ServerResponse) => response.end('null'),
    (response: ServerResponse) => response.end(JSON.stringify({ keys: [], pad: 'x'.repeat(300 * 1024) })),
    (response: ServerResponse) => response.writeHead(204).end(),
  ]) {
    const issuer = await Issuer.start(t);
    issuer.answer = answer;
    await assert.rejects(issuer.subjectOf(await new Signer('ES256').sign({ sub: '7' })), { code: '4000' });
  }
  const issuer = await Issuer.start(t);
  issuer.keys = [signer.jwk];
  await assert.rejects(
    jwtVerify(await signer.sign({ sub: '7' }), issuer.jwks.find, { algorithms: ['HS256', 'RS256'] }),
    /no applicable key|Unsupported/,
  );
});
