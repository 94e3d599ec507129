import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RunningRoute } from '../test/running-route.ts';

const PAGE = 'https://pages.example';

describe('CIM_ALLOWED_ORIGINS', () => {
  let route: RunningRoute;
  before(async () => {
    route = await RunningRoute.start({ config: { allowedOrigins: [PAGE] } });
  });
  after(() => route.stop());

  const ask = (path: string, origin: string, more: Readonly<Record<string, string>> = {}, method = 'GET') =>
    fetch(route.route.url + path, { method, headers: { origin, ...more } });
  const wish = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization' };
  const named = (answer: Response): (string | null)[] => [
    answer.headers.get('access-control-allow-origin'),
    answer.headers.get('vary'),
  ];

  it('lets pages of a listed origin read answers, errors too', async () => {
    for (const path of ['/onlineUser', '/v1/users?name=nobody', '/no/such/path'])
      assert.deepEqual(named(await ask(path, PAGE)), [PAGE, 'origin'], path);
    assert.match(
      (await ask('/onlineUser', PAGE)).headers.get('access-control-expose-headers') ?? '',
      /retry-after, x-cim-more/,
    );
  });

  it('answers the question that a browser asks first', async () => {
    const answer = await ask('/v1/messages', PAGE, wish, 'OPTIONS');
    assert.equal(answer.status, 204);
    assert.deepEqual(named(answer), [PAGE, 'origin']);
    assert.match(answer.headers.get('access-control-allow-headers') ?? '', /authorization.*idempotency-key/);
    assert.match(answer.headers.get('access-control-allow-methods') ?? '', /PUT, PATCH, DELETE/);
    assert.equal(answer.headers.get('access-control-allow-credentials'), null);
  });

  it('adds no headers for any other page', async () => {
    for (const origin of [
      'https://evil.example',
      'https://pages.example.evil',
      'http://pages.example',
      'null',
    ]) {
      assert.deepEqual(named(await ask('/onlineUser', origin)), [null, 'origin'], origin);
      const answer = await ask('/v1/messages', origin, wish, 'OPTIONS');
      assert.ok(answer.status >= 400);
      assert.deepEqual(named(answer), [null, 'origin']);
    }
  });

  it('does nothing when no origin is listed', async () => {
    const bare = await RunningRoute.start();
    try {
      const answer = await fetch(`${bare.route.url}/onlineUser`, { headers: { origin: PAGE } });
      assert.deepEqual(named(answer), [null, null]);
    } finally {
      await bare.stop();
    }
  });
});
