/** Logins at a whole im-server: which logins get a session, and how a session ends. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ANY_INSTANCE, cim, type DeviceId, type Epoch, inboxOf, type InstanceId } from '@cim/protocol';
import { clusterKey } from '@cim/runtime';
import { makeTicket } from '@cim/store';
import { until } from '@cim/testkit';
import { RunningServer, RUNNING_SECRET } from '../../test/running-server.ts';

let running: RunningServer;
before(async () => {
  running = await RunningServer.start();
});
after(() => running[Symbol.asyncDispose]());

describe('a login at an im-server', () => {
  test('takes a ticket once, and refuses forged ones and those of another user or server', async () => {
    const user = await running.account('fred');
    const { ticket, epoch } = await running.issue(user);
    const other = await running.account('fran');
    const wrong = [
      { userId: user.userId, ticket: '' },
      { userId: user.userId, ticket: `${ticket.slice(0, -1)}${ticket.endsWith('A') ? 'B' : 'A'}` },
      { userId: other.userId, ticket },
      {
        userId: user.userId,
        ticket: makeTicket(clusterKey(RUNNING_SECRET, 'ticket'), {
          userId: user.userId,
          epoch,
          instance: 'another-instance' as InstanceId,
        }),
      },
    ];
    for (const login of wrong) {
      const raw = await running.connect();
      raw.say({ login });
      await raw.ends('unauthorized');
    }
    const first = await running.connect();
    first.say({ login: { userId: user.userId, ticket } });
    await first.hear('welcome');
    const second = await running.connect();
    second.say({ login: { userId: user.userId, ticket } });
    await second.ends('unauthorized');
    assert.equal(first.closed, false);
  });

  test('ends at the end of the life of its secret; a session by name has no such end', async (t) => {
    // The store and the logins share a clock that is 31 days behind.
    const old = await RunningServer.start(() => Date.now() - 31 * 24 * 3_600_000);
    t.after(() => old[Symbol.asyncDispose]());
    const user = await old.account('otto');
    const { ticket } = await old.issue(user, 'the-hash-of-a-secret');
    const raw = await old.connect();
    raw.say({ login: { userId: user.userId, ticket } });
    await raw.ends('expired');
    assert.equal((await raw.hear('goaway')).reconnect, true);
    const { raw: named } = await old.logIn('olga');
    named.say({ ping: {} });
    await named.hear('pong');
  });

  test('takes a ticket that names no server, once, and kicks the session before it', async () => {
    const before = await running.logIn('alma');
    const { user } = before;
    const { ticket } = await running.issue(user, 'a-secret', undefined, undefined, ANY_INSTANCE);
    const first = await running.connect();
    first.say({ login: { userId: user.userId, ticket } });
    await first.hear('welcome');
    await before.raw.ends('superseded');
    const second = await running.connect();
    second.say({ login: { userId: user.userId, ticket } });
    await second.ends('unauthorized');
    assert.equal(first.closed, false);
  });

  test('closes a session that a later login has replaced, and only that one', async () => {
    const first = await running.logIn('gert');
    const second = await running.logIn('gert');
    await first.raw.ends('superseded');
    second.raw.say({ ping: {} });
    await second.raw.hear('pong');
  });

  test('a second device is announced to the first, and gets what was pushed to the first alone', async () => {
    const user = await running.account('dora');
    const [first, second] = [await running.connect(), await running.connect()];
    for (const [raw, device] of [
      [first, 'first-device-of-dora'],
      [second, 'second-device-of-dora'],
    ] as const) {
      const { ticket } = await running.issue(user, device, undefined, device as DeviceId);
      raw.say({ login: { userId: user.userId, ticket, level: 1 } });
      raw.say({ resume: { cursors: [{ group: '', seq: 0, id: '' }] } });
      await raw.hear('resumed');
    }
    assert.equal((await first.hear('signal')).device, 'second-device-of-dora');
    // Stores an entry as a server does that knows only the first device: nothing is rung here.
    const [entry] = await running.stored.append(inboxOf(user.userId), ['for both']);
    const delivered = await second.hear('deliver');
    assert.deepEqual(delivered.entries?.[0]?.seq, entry?.seq);
  });

  test('a login with an epoch below one that the store has lost is closed as unavailable, and locks nobody out', async (t) => {
    const { user } = await running.logIn('jon');
    const { sessions } = running.store;
    const real = sessions.claim.bind(sessions);
    let claimed: Epoch | undefined;
    t.mock.method(sessions, 'claim', async (request: Parameters<typeof real>[0]) => {
      const answer = await real(request);
      if (answer.outcome !== 'claimed') return answer;
      claimed = answer.epoch;
      return { ...answer, epoch: 0 as Epoch };
    });
    const released = t.mock.method(sessions, 'release');
    const { ticket } = await running.issue(user);
    const lower = await running.connect();
    lower.say({ login: { userId: user.userId, ticket } });
    await lower.ends('unavailable');
    assert.ok(claimed !== undefined);
    await until('it is released', () =>
      released.mock.calls.some(({ arguments: [of, epoch] }) => of.userId === user.userId && epoch === 0),
    );
  });

  test('a CIM login takes no session that was issued with a secret; the ticket still does', async () => {
    const user = await running.account('ida');
    const { ticket } = await running.issue(user, 'hash-of-a-secret');
    const stranger = await running.connect();
    stranger.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'ida' });
    await stranger.ends();
    const owner = await running.connect();
    owner.say({ login: { userId: user.userId, ticket } });
    await owner.hear('welcome');
    const late = await running.connect();
    late.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'ida' });
    await late.ends();
    owner.say({ ping: {} });
    await owner.hear('pong');
  });

  test('a CIM login takes no session of an account with a password, however it was issued', async () => {
    const hash = 'hash-of-a-password';
    const user = await running.account('ivan', hash);
    const { ticket } = await running.issue(user, '', hash);
    const stranger = await running.connect();
    stranger.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'ivan' });
    await stranger.ends();
    const owner = await running.connect();
    owner.say({ login: { userId: user.userId, ticket } });
    await owner.hear('welcome');
  });

  test('a CIM login needs the login at the route, for that name', async () => {
    const user = await running.account('hans');
    const early = await running.connect();
    early.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'hans' });
    await early.ends();
    assert.deepEqual(early.frames, []);
    await running.issue(user);
    const wrong = await running.connect();
    wrong.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'other' });
    await wrong.ends();
    const right = await running.connect();
    // The route ignores case, so the im-server does too.
    right.say({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: user.userId, text: 'HANS' });
    right.say({ cmd: cim.BaseCommand.PING, text: 'ping' });
    await until('it is answered', () => right.frames.some((frame) => frame.text === 'pong'));
  });

  test('closes a client that sends nothing, or half a frame, for 5 s', async () => {
    const [silent, half] = await Promise.all([running.connect(), running.connect()]);
    half.socket.write(Buffer.from('10', 'hex'));
    await Promise.all([silent.ends(undefined, 7_000), half.ends(undefined, 7_000)]);
  });

  test('a session that is closed is over in the store too, and its user offline', async () => {
    const { raw, user } = await running.logIn('jens');
    await until('online', async () => (await running.store.sessions.locate(user.userId)).length > 0);
    raw.socket.destroy();
    await until('offline', async () => (await running.store.sessions.locate(user.userId)).length === 0);
  });
});
