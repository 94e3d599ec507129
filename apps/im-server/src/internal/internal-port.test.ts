/** The internal port of a whole im-server. */
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { cim, inboxOf, type Seq } from '@cim/protocol';
import { clusterKey } from '@cim/runtime';
import { RunningServer, RUNNING_SECRET } from '../../test/running-server.ts';

let running: RunningServer;
before(async () => {
  running = await RunningServer.start();
});
after(() => running[Symbol.asyncDispose]());

describe('an im-server', () => {
  test('its internal port tells health and metrics, and takes /sendMsg with the cluster secret only', async () => {
    const url = `http://${running.server.http.host}:${running.server.http.port}`;
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
    assert.match(await (await fetch(`${url}/metrics`)).text(), /^cim_sessions\b/m);
    const rebound = request(`${url}/metrics`, { headers: { host: 'evil.example' } }).end();
    const [refused] = (await once(rebound, 'response')) as [IncomingMessage];
    assert.equal(refused.resume().statusCode, 403);
    const [from, to] = await Promise.all([running.account('karin'), running.account('kurt')]);
    const body = JSON.stringify({
      userId: to.userId,
      msg: 'hi',
      properties: { sendUserId: String(from.userId) },
    });
    const send = async (headers: Record<string, string>, text: string | Uint8Array<ArrayBuffer> = body) =>
      (
        (await (await fetch(`${url}/sendMsg`, { method: 'POST', headers, body: text })).json()) as {
          code: string;
        }
      ).code;
    assert.equal(await send({}), '9100');
    assert.equal(await send({ authorization: 'Bearer wrong' }), '9100');
    const authorization = `Bearer ${RUNNING_SECRET}`;
    const notUtf8 = Buffer.concat([
      Buffer.from(body.slice(0, -1)),
      Buffer.from(',"msg":"caf\xe9"}', 'latin1'),
    ]);
    assert.equal(await send({ authorization }), '9000');
    assert.equal(await send({ authorization: `Bearer ${clusterKey(RUNNING_SECRET, 'rpc')}` }), '9100');
    for (const text of ['', '[]', '{', '{"userId":1}', '{"userId":"x"}', 'x'.repeat(70_000), notUtf8])
      assert.equal(await send({ authorization }, text), '3000');
    assert.equal((await running.store.streams.position({ kind: 'inbox', user: to.userId })).top, 1);
    assert.deepEqual(
      running.counted.filter((send) => send.startsWith('sendMsg')),
      ['sendMsg stored'],
    );
  });

  test('/sendMsg takes JSON under any content type, and stores half a surrogate pair as a character that can be read', async () => {
    const [from, to] = await Promise.all([running.account('lena'), running.account('lutz')]);
    const send = async (headers: Record<string, string>, text: string | Uint8Array<ArrayBuffer>) => {
      const authorization = `Bearer ${clusterKey(RUNNING_SECRET, 'send-msg')}`;
      return fetch(`http://${running.server.http.host}:${running.server.http.port}/sendMsg`, {
        method: 'POST',
        headers: { authorization, ...headers },
        body: text,
      });
    };
    const body = JSON.stringify({
      userId: to.userId,
      batchMsg: ['a\ud800b'],
      properties: { sendUserId: from.userId },
    });
    const types = [
      {},
      { 'content-type': 'application/json' },
      { 'content-type': 'application/octet-stream' },
    ];
    for (const [i, headers] of [...types, undefined].entries()) {
      // With bytes as its body, fetch names no content type.
      const answer = await send(headers ?? {}, headers === undefined ? new TextEncoder().encode(body) : body);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
      const { code, reqNo, dataBody } = (await answer.json()) as Record<string, unknown>;
      assert.deepEqual([code, reqNo, dataBody], ['9000', null, null]);
      assert.equal((await running.store.streams.position(inboxOf(to.userId))).top, i + 1);
    }
    const [entry] = await running.store.streams.read(inboxOf(to.userId), 1 as Seq, 1);
    assert.ok(entry);
    assert.ok(isUtf8(entry.content));
    assert.deepEqual(cim.Content.decode(entry.content).texts, ['a\ufffdb']);
  });

  test('its internal port answers unknown paths with 404 in the envelope', async () => {
    const url = `http://${running.server.http.host}:${running.server.http.port}`;
    const long = 'x'.repeat(70_000);
    const asked: [string, RequestInit][] = [
      ['/', {}],
      ['/sendMsg', {}],
      ['/healthz', { method: 'POST', body: '{}' }],
      ['/nowhere?x=1', { method: 'PUT', body: long }],
      ['/%zz', {}],
    ];
    for (const [path, init] of asked) {
      const answer = await fetch(`${url}${path}`, init);
      assert.equal(answer.status, 404, path);
      assert.match(answer.headers.get('content-security-policy') ?? '', /^default-src 'none'/, path);
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff', path);
      const { code, reqNo, dataBody } = (await answer.json()) as Record<string, unknown>;
      assert.deepEqual([code, reqNo, dataBody], ['3000', null, null], path);
    }
  });
});
