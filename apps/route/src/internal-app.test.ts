/** The route's two ports: the paths for clients, and those for operators only. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { describe, test } from 'node:test';
import { type RouteOptions, RunningRoute } from '../test/running-route.ts';

const TOKEN = 'a-token-of-thirty-two-characters!';

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;

describe('the internal port of a route', () => {
  const start = async (config: RouteOptions['config'] = {}) => {
    const at = await RunningRoute.start({ config });
    return { at, clients: at.route.url, internal: at.route.internal.url, stop: () => at.stop() };
  };

  test('has metrics, documentation and health; the port for clients has only health', async (t) => {
    const { clients, internal, stop } = await start();
    t.after(stop);
    for (const path of [
      '/healthz',
      '/readyz',
      '/metrics',
      '/documentation/json',
      '/documentation/static/index.html',
    ])
      assert.equal(await statusOf(internal + path), 200, path);
    for (const path of ['/healthz', '/readyz']) assert.equal(await statusOf(clients + path), 200, path);
    for (const path of ['/metrics', '/documentation', '/documentation/json', '/admin/servers'])
      assert.equal(await statusOf(clients + path), 404, path);
    const json = (url: string) =>
      fetch(url).then((answer) => answer.json() as Promise<Record<string, object>>);
    const { paths = {} } = await json(`${internal}/documentation/json`);
    assert.ok('/v1/messages' in paths && '/login' in paths);
    assert.ok(!Object.keys(paths).some((path) => /metrics|admin|healthz/.test(path)));
  });

  test('shows pages on the port for clients too when a setting names them', async (t) => {
    const { clients, stop } = await start({ publicPages: ['documentation'] });
    t.after(stop);
    assert.equal(await statusOf(`${clients}/documentation/json`), 200);
    assert.equal(await statusOf(`${clients}/metrics`), 404);
    const other = await start({ publicPages: ['metrics'] });
    t.after(other.stop);
    assert.equal(await statusOf(`${other.clients}/metrics`), 200);
    assert.equal(await statusOf(`${other.clients}/documentation/json`), 404);
  });

  test('refuses a page whose own name points to this machine', async (t) => {
    const { at, stop } = await start();
    t.after(stop);
    const { host, port } = at.route.internal;
    const rebound = request({ host, port, path: '/metrics', headers: { host: 'evil.example' } }).end();
    const [refused] = (await once(rebound, 'response')) as [IncomingMessage];
    assert.equal(refused.resume().statusCode, 403);
  });

  test('sets security headers on every answer of both ports, and names no version of anything', async (t) => {
    const { clients, internal, stop } = await start({ publicPages: ['documentation', 'metrics'] });
    t.after(stop);
    const paths = [
      '/healthz',
      '/metrics',
      '/documentation/',
      '/documentation/json',
      '/onlineUser',
      '/v1/online',
      '/nowhere',
      '/%zz',
      '/v1/%zz',
      '/admin/servers',
    ];
    for (const url of [clients, internal])
      for (const path of paths) {
        const { headers } = await fetch(url + path);
        const csp = headers.get('content-security-policy') ?? '';
        assert.match(csp, /^default-src 'none';.* frame-ancestors 'none'$/, url + path);
        assert.equal(/script-src/.test(csp), path.startsWith('/documentation'), url + path);
        assert.equal(headers.get('x-content-type-options'), 'nosniff', url + path);
        assert.equal(headers.get('x-frame-options'), 'DENY');
        assert.equal(headers.get('referrer-policy'), 'no-referrer');
        assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin');
        for (const banner of ['server', 'x-powered-by', 'via']) assert.equal(headers.get(banner), null);
      }
  });

  test('answers an unknown path and a path that cannot be decoded with problem details', async (t) => {
    const { internal, stop } = await start();
    t.after(stop);
    for (const path of ['/nowhere', '/%zz', '/v1/messages']) {
      const answer = await fetch(internal + path);
      assert.equal(answer.status, 404, path);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
    }
  });

  test('refuses the start when its port is taken, in one line that names the setting', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      await assert.rejects(start({ routeInternalPort: port }), {
        message: `port ${port} on 127.0.0.1 is in use; stop what listens there or choose another port (CIM_ROUTE_INTERNAL_PORT)`,
      });
    } finally {
      taken.close();
    }
  });
});

describe('/admin', () => {
  const ask = (at: RunningRoute, path: string, token?: string): Promise<Response> =>
    fetch(
      at.route.internal.url + path,
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    );
  const problemOf = async (answer: Response) => (await answer.json()) as { code: string; detail: string };

  test('is off without CIM_ADMIN_TOKEN for every token, and names that setting', async (t) => {
    const at = await RunningRoute.start();
    t.after(() => at.stop());
    for (const token of [undefined, '', TOKEN]) {
      const answer = await ask(at, '/admin/servers', token);
      assert.equal(answer.status, 404);
      assert.match((await problemOf(answer)).detail, /^[^\n]*CIM_ADMIN_TOKEN[^\n]*$/);
    }
  });

  test('opens only to its token, on every path', async (t) => {
    const at = await RunningRoute.start({ config: { adminToken: TOKEN } });
    t.after(() => at.stop());
    for (const path of ['/admin/servers', '/admin/nowhere'])
      for (const token of [undefined, 'x', TOKEN.slice(1), `${TOKEN}x`, at.store.description]) {
        const answer = await ask(at, path, token);
        assert.equal(answer.status, 401, path);
        assert.equal((await problemOf(answer)).code, '9100');
      }
    assert.equal((await ask(at, '/admin/nowhere', TOKEN)).status, 404);
  });

  test('lists the im-servers of the registry', async (t) => {
    const at = await RunningRoute.start({ config: { adminToken: TOKEN } });
    t.after(() => at.stop());
    const answer = await ask(at, '/admin/servers', TOKEN);
    const { items, registry } = (await answer.json()) as { items: unknown; registry: unknown };
    const load = {
      ...{ sessions: 1, connections: 2, serving: true },
      ...{ cpu: 0.25, loopDelayMs: 3, rssBytes: 4_096 },
    };
    const address = { host: '127.0.0.1', tcpPort: 11211, httpPort: 8081 };
    assert.deepEqual(items, [{ instance: 'a-test-instance0', ...address, load }]);
    assert.deepEqual(registry, { description: 'embedded', connected: true });
  });
});
