import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { until } from '@cim/testkit';
import {
  call,
  ECHO,
  HUGE,
  LATER,
  NEVER,
  Process,
  REFUSE,
  REJECT,
  rawServer,
  relayTo,
  said,
  stopServer,
  THROW,
} from '../test/servers.ts';
import { RPC, type RpcOutcome } from './index.ts';

let here: Process;
beforeEach(() => {
  here = new Process();
});
afterEach(() => here.stop());

const connectionsOf = (server: { http: import('node:http').Server }): Promise<number> =>
  new Promise((resolve, reject) => {
    server.http.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });

describe('a call', () => {
  test('is answered, over one connection for all calls to a server', async () => {
    const server = await here.server();
    const client = here.client();
    assert.equal(said(await call(client, server.address, ECHO, 'hello')), 'ok: hello');
    const all = await Promise.all(
      ['a', '', 'c'].map((text) => call(client, { ...server.address }, ECHO, text)),
    );
    assert.deepEqual(all.map(said), ['ok: a', 'ok: ', 'ok: c']);
    assert.equal(await connectionsOf(server), 1);
    assert.deepEqual([client.links().open, client.pending], [1, 0]);
  });

  test('says what the other side said when it is refused, unknown, or its handler throws', async () => {
    const server = await here.server();
    const client = here.client();
    assert.equal(said(await call(client, server.address, REFUSE)), 'failed: not this one');
    assert.equal(said(await call(client, server.address, 99)), 'failed: there is no method 99 here');
    assert.equal(said(await call(client, server.address, THROW)), 'failed: Failure');
    assert.ok(here.lines.some((line) => line.msg === 'rpc.unexpected' && line['method'] === THROW));
    assert.equal(said(await call(client, server.address, REJECT)), 'failed: Failure');
    assert.ok(here.lines.some((line) => line.msg === 'rpc.unexpected' && line['method'] === REJECT));
    assert.equal(said(await call(client, server.address, ECHO, 'still there')), 'ok: still there');
    assert.equal(await connectionsOf(server), 1);
  });

  test('fails alone when it or its answer is longer than a frame may be', async () => {
    const server = await here.server();
    const client = here.client();
    assert.match(
      said(await call(client, server.address, ECHO, 'x'.repeat(1024 * 1024))),
      /^failed: a call of 1048576 bytes/,
    );
    assert.match(said(await call(client, server.address, HUGE)), /^failed: an answer of 1048576 bytes/);
    const longest = 'x'.repeat(1024 * 1024 - 64);
    assert.equal(said(await call(client, server.address, ECHO, longest)), `ok: ${longest}`);
  });

  test('is one of 10,000 at once, each answered with its own', async () => {
    const server = await here.server();
    const client = here.client();
    const all = await Promise.all(
      Array.from({ length: 10_000 }, (_, i) => call(client, server.address, ECHO, String(i))),
    );
    assert.deepEqual(
      all.map(said),
      Array.from({ length: 10_000 }, (_, i) => `ok: ${i}`),
    );
  });

  test('that is slow holds up no other, and answers come in any order', async () => {
    const server = await here.server();
    const client = here.client();
    const slow = [
      call(client, server.address, LATER, 'first'),
      call(client, server.address, LATER, 'second'),
    ];
    assert.equal(said(await call(client, server.address, ECHO, 'quick')), 'ok: quick');
    const order: string[] = [];
    for (const one of slow) void one.then((ended) => order.push(said(ended)));
    server.released[1]?.();
    await until('the second', () => order.length === 1);
    server.released[0]?.();
    await until('the first', () => order.length === 2);
    assert.deepEqual(order, ['ok: second', 'ok: first']);
  });

  test('ends at its deadline, once, and its late answer disturbs nobody', async () => {
    const server = await here.server();
    const client = here.client();
    await call(client, server.address, ECHO);
    const outcomes: RpcOutcome[] = [];
    client.call(server.address, LATER, Buffer.from('late'), 50, (outcome) => outcomes.push(outcome));
    const ended = await call(client, server.address, NEVER, '', 50);
    assert.equal(said(ended), 'timeout: no answer in time');
    assert.ok(ended.tookMs >= 50 && ended.tookMs < 500, `${ended.tookMs} ms`);
    server.released[0]?.();
    assert.equal(said(await call(client, server.address, ECHO, 'next')), 'ok: next');
    assert.deepEqual(
      outcomes.map((o) => o.ok || o.kind),
      ['timeout'],
    );
  });

  test('whose callback throws is logged and hurts no other', async () => {
    const server = await here.server();
    const client = here.client();
    client.call(server.address, ECHO, Buffer.from('x'), 1_000, () => {
      throw new Error('a fault of ours');
    });
    assert.equal(said(await call(client, server.address, ECHO, 'y')), 'ok: y');
    assert.equal(here.lines.filter((line) => line.msg === 'rpc.unexpected').length, 1);
  });

  test('never ends within call itself, whatever its outcome', async () => {
    const server = await here.server();
    const client = here.client();
    const stopped = here.client();
    await stopped.stop();
    for (const [from, payload] of [
      [client, 1],
      [client, 2 * 1024 * 1024],
      [stopped, 1],
    ] as const) {
      let within = true;
      await new Promise<void>((resolve) => {
        from.call(server.address, ECHO, Buffer.alloc(payload), 1_000, () => {
          assert.equal(within, false);
          resolve();
        });
        within = false;
      });
    }
  });

  test('fails at once when 65,536 others wait, or 16 MiB', async () => {
    const server = await here.server();
    const client = here.client();
    let ended = 0;
    for (let i = 0; i < 65_536; i++)
      client.call(server.address, NEVER, new Uint8Array(0), 60_000, () => ended++);
    assert.equal(said(await call(client, server.address, ECHO)), 'down: 65536 calls wait for an answer');
    assert.equal(ended, 0);

    const other = here.client();
    const megabyte = 'x'.repeat(1_000_000);
    const all = await Promise.all(
      Array.from({ length: 20 }, () => call(other, server.address, ECHO, megabyte)),
    );
    assert.equal(all.filter(({ outcome }) => outcome.ok).length, 16);
    assert.match(said(all[19] as Awaited<ReturnType<typeof call>>), /^down: \d+ bytes wait to be read$/);
    assert.equal(said(await call(other, server.address, ECHO, 'again')), 'ok: again');
    await client.stop();
    assert.equal(ended, 65_536);
  });
});

describe('a server that is away', () => {
  test('fails calls as down: the first when the connection is refused, the next at once', async () => {
    const server = await here.server();
    await stopServer(server);
    const client = here.client('a secret', { backoffMs: [60_000, 60_000] });
    const first = await Promise.all([call(client, server.address, ECHO), call(client, server.address, ECHO)]);
    assert.deepEqual(first.map(said), ['down: ECONNREFUSED', 'down: ECONNREFUSED']);
    const next = await call(client, server.address, ECHO);
    assert.equal(said(next), 'down: ECONNREFUSED');
    assert.ok(next.tookMs < 500, `${next.tookMs} ms`);
    assert.equal(here.lines.filter((line) => line.msg === 'rpc.down' && line.level !== 'debug').length, 1);
  });

  test('ends the calls under way as closed when it goes, and is used again when it is back', async () => {
    const server = await here.server();
    const client = here.client();
    await call(client, server.address, ECHO);
    const lost = Promise.all([call(client, server.address, NEVER), call(client, server.address, NEVER)]);
    await call(client, server.address, ECHO);
    await stopServer(server);
    assert.deepEqual(
      (await lost).map(({ outcome }) => outcome.ok || outcome.kind),
      ['closed', 'closed'],
    );
    assert.match(said(await call(client, server.address, ECHO)), /^down: /);

    await here.server('a secret', server.address.httpPort);
    let back = '';
    await until('the server to be used again', () => {
      void call(client, server.address, ECHO, 'back').then((ended) => (back = said(ended)));
      return back === 'ok: back';
    });
  });

  test('has its calls wait for the first connection, and end in time when it does not come', async () => {
    const silent = await rawServer(() => {});
    const client = here.client('a secret', { handshakeMs: 200 });
    const impatient = call(client, silent.address, ECHO, '', 50);
    const patient = call(client, silent.address, ECHO);
    assert.equal(said(await impatient), 'down: no connection in time');
    const ended = await patient;
    assert.equal(said(ended), 'down: no answer to the handshake');
    assert.ok(ended.tookMs >= 195 && ended.tookMs < 1_000, `${ended.tookMs} ms`);
    silent.close();
  });

  test('fails calls at once when a second attempt takes long', async () => {
    const silent = await rawServer(() => {});
    const client = here.client('a secret', { handshakeMs: 1_000, reconnectWaitMs: 50, backoffMs: [1, 1] });
    const first = call(client, silent.address, ECHO);
    await until('the first attempt', () => silent.sockets.length === 1);
    silent.sockets[0]?.destroy();
    assert.equal(said(await first), 'down: ECONNRESET');
    await new Promise((resolve) => setTimeout(resolve, 2)); // the backoff
    const started = performance.now();
    const second = call(client, silent.address, ECHO);
    await until('the second attempt to take long', () => performance.now() - started > 100);
    const third = await call(client, silent.address, ECHO);
    assert.equal(said(third), 'down: it does not answer');
    assert.ok(third.tookMs < 500, `${third.tookMs} ms`);
    assert.equal(said(await second), 'down: no answer to the handshake');
    silent.close();
  });

  test('that freezes is noticed with calls outstanding, and what it might have carried out ends as closed', async () => {
    const server = await here.server();
    const relay = await relayTo(server.address);
    server.announce(relay.address);
    const client = here.client('a secret', { silenceMs: 1_200, handshakeMs: 100 });
    await call(client, relay.address, ECHO);
    relay.freeze();
    const ended = await call(client, relay.address, ECHO, '', 20_000);
    assert.equal(said(ended), 'closed: nothing was heard for 1200 ms');
    assert.ok(ended.tookMs < 4_000, `${ended.tookMs} ms`);
    relay.thaw();
    let back = '';
    await until('the server to be used again', () => {
      void call(client, relay.address, ECHO, 'back').then((again) => (back = said(again)));
      return back === 'ok: back';
    });
    relay.close();
  });

  test('that freezes is noticed without calls, by a ping', async () => {
    const server = await here.server();
    const relay = await relayTo(server.address);
    server.announce(relay.address);
    const client = here.client('a secret', { silenceMs: 100, pingAfterMs: 100 });
    await call(client, relay.address, ECHO);
    relay.freeze();
    await until('the loss', () => here.lines.some((line) => line.msg === 'rpc.down'));
    relay.close();
  });

  test('with a slow handler is not taken for frozen, since it answers pings', async () => {
    const server = await here.server();
    const client = here.client('a secret', { silenceMs: 1_500 });
    const slow = call(client, server.address, LATER, 'slow', 20_000);
    await until('the call', () => server.released.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 3_200));
    server.released[0]?.();
    assert.equal(said(await slow), 'ok: slow');
  });
});

describe('the end of a client', () => {
  test('ends calls under way as closed, connected or not, and later ones as down', async () => {
    const server = await here.server();
    const silent = await rawServer(() => {});
    const client = here.client();
    await call(client, server.address, ECHO);
    const sent = call(client, server.address, NEVER);
    const unsent = call(client, silent.address, ECHO);
    await client.stop();
    assert.equal(said(await sent), 'closed: this side has stopped');
    assert.equal(said(await unsent), 'down: this side has stopped');
    assert.equal(said(await call(client, server.address, ECHO)), 'down: this side has stopped');
    await client.stop();
    silent.close();
  });

  test('forget lets calls under way end, closes then, and a later call connects anew', async () => {
    const server = await here.server();
    const client = here.client();
    const slow = call(client, server.address, LATER, 'slow');
    await until('the call', () => server.released.length === 1);
    client.forget(server.address);
    client.forget(server.address);
    assert.equal(said(await call(client, server.address, ECHO, 'new')), 'ok: new');
    assert.equal(await connectionsOf(server), 2);
    server.released[0]?.();
    assert.equal(said(await slow), 'ok: slow');
    let open = 2;
    await until('the forgotten connection to close', () => {
      void connectionsOf(server).then((count) => (open = count));
      return open === 1;
    });
  });

  test('gives up a connection that nobody has used for long', async () => {
    const server = await here.server();
    const client = here.client('a secret', { unusedMs: 500 });
    await call(client, server.address, ECHO);
    let open = 1;
    await until('the unused connection to close', () => {
      void connectionsOf(server).then((count) => (open = count));
      return open === 0;
    });
    assert.equal(said(await call(client, server.address, ECHO, 'again')), 'ok: again');
  });
});

describe('the end of a server', () => {
  test('a stop takes no longer than a second, and ends the calls that are not answered', async () => {
    const server = await here.server();
    const client = here.client();
    const never = call(client, server.address, NEVER);
    await call(client, server.address, ECHO);
    const started = performance.now();
    await Promise.all([server.rpc.stop(), server.rpc.stop()]);
    assert.ok(performance.now() - started < 1_500);
    assert.match(said(await never), /^closed: /);
  });
});

test('the methods are numbered as the other versions of this program number them', () => {
  assert.deepEqual(RPC, {
    ping: 0,
    deliver: 1,
    broadcast: 2,
    kick: 3,
    fetchOffline: 4,
    delivered: 5,
    holds: 6,
    signal: 7,
    groups: 8,
    suspended: 9,
    load: 10,
    places: 11,
    move: 13,
  });
});
