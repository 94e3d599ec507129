import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Membership, openEmbeddedMembership } from '@cim/discovery';
import {
  cim,
  CODES,
  copyProducer,
  DEFAULT_DEVICE,
  type Epoch,
  inboxOf,
  type InstanceId,
  type MessageId,
  type ProducerId,
  type Seq,
  type UserId,
} from '@cim/protocol';
import type { RpcClient } from '@cim/rpc';
import { silentLogger } from '@cim/runtime';
import { type Append, type AppendAnswer, messageIdOf, type Store, type Stored } from '@cim/store';
import { quietDoorbell } from '@cim/testkit';
import { createMessaging } from './messaging.ts';
import type { SendReceipt, SendRequest } from './send-request.ts';

const [alice, bob] = [1_001 as UserId, 1_002 as UserId];
const HERE = 'here' as InstanceId;
const producer = 'P'.repeat(16) as ProducerId;
const placed = (seq: number): Stored => ({ seq: seq as Seq, prev: '' as MessageId, storedAt: 17, n: 3 });
const COPY = placed(9);
const OK: AppendAnswer = { outcome: 'ok', ...placed(5), copy: COPY };

/** A sender whose store answers as the test says. Everybody is online at the im-server of this process. */
function sending(answers: AppendAnswer[], severalDevices = false) {
  /** `1002 5`: the entry at seq 5 was pushed to user 1002. `1002 look`: a push without an entry. */
  const rung: string[] = [];
  const excepted: unknown[] = [];
  const copies: string[] = [];
  const appended: Append[] = [];
  const place = { instance: HERE, device: DEFAULT_DEVICE, epoch: 1 as Epoch };
  const state = { found: Promise.resolve(), away: false };
  const locate = async (user: UserId) => {
    if (user === alice) await state.found;
    return state.away ? [] : [place];
  };
  const store = {
    streams: {
      append: (item: Append, done: (answer: AppendAnswer) => void) => {
        appended.push(item);
        setImmediate(done, answers.shift() ?? OK);
      },
    },
    sessions: { locate },
  } as unknown as Store;
  const membership: Membership = openEmbeddedMembership();
  const messaging = createMessaging({
    ...{ store, membership, sessionPolicy: severalDevices ? 'devices' : 'reject' },
    rpc: {} as RpcClient,
    logger: silentLogger(),
  });
  messaging.serve(
    quietDoorbell(HERE, {
      deliver: (user, entry, _from, except) => {
        rung.push(`${user} ${entry?.seq ?? 'look'}`);
        if (except !== undefined) excepted.push(except);
        if (entry !== undefined && user === alice) copies.push(`${entry.producer} ${messageIdOf(entry)}`);
        return 'taken';
      },
    }),
  );
  const send = (more: Partial<SendRequest> = {}): Promise<SendReceipt> =>
    new Promise((resolve) =>
      messaging.sends.send(
        {
          door: 'tcp',
          actor: { userId: alice, userName: 'alice' },
          to: inboxOf(bob),
          ...{ producer, counter: 1 },
          content: cim.Content.encode({ texts: ['x'] }).finish(),
          ...more,
        },
        resolve,
      ),
    );
  return { send, rung, excepted, copies, appended, state };
}

test('the copy is pushed to the devices of its sender under its own producer, before the receipt', async () => {
  const { send, rung, copies } = sending([OK]);
  const receipt = await send();
  assert.deepEqual(rung, ['1002 5', '1001 9']);
  assert.deepEqual(copies, [`${copyProducer(producer, bob)} 1001:${producer}:1`]);
  assert.deepEqual(receipt, { outcome: 'stored', seq: 5, online: true, n: 3, storedAt: 17, copy: COPY });
});

test('the receipt waits until both the message and the copy are handed over', async () => {
  const { send, rung, state } = sending([OK]);
  let found = (): void => undefined;
  state.found = new Promise((resolve) => (found = resolve));
  let answered = false;
  const receipt = send().then(() => (answered = true));
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([rung, answered], [['1002 5'], false]);
  found();
  await receipt;
  assert.deepEqual(rung, ['1002 5', '1001 9']);
});

test('a session that is the only one of its user learns of the copy by its receipt: nothing is pushed', async () => {
  const { send, rung } = sending([OK]);
  const receipt = await send({ origin: {} });
  assert.deepEqual(rung, ['1002 5']);
  assert.ok(receipt.outcome === 'stored' && receipt.copy === COPY);
});

test('with several devices the copy is pushed to the others, and not to the session that sent', async () => {
  const { send, rung, excepted } = sending([OK], true);
  const origin = {};
  await send({ origin });
  assert.deepEqual(rung, ['1002 5', '1001 9']);
  assert.ok(excepted.length === 1 && excepted[0] === origin);
});

test('a message to oneself, and one whose copy was left out, are pushed once', async () => {
  const { send, rung } = sending([
    { outcome: 'ok', ...placed(5) },
    { outcome: 'ok', ...placed(6) },
  ]);
  await send({ to: inboxOf(alice) });
  await send();
  assert.deepEqual(rung, ['1001 5', '1002 6']);
});

test('a sender whose share waits is refused when the recipient is away, and asked to try again when it is there', async () => {
  const { send, state, rung } = sending([{ outcome: 'share' }, { outcome: 'share' }, { outcome: 'blocked' }]);
  const there = await send();
  assert.ok(there.outcome === 'retry' && there.code === '9502');
  state.away = true;
  const away = await send({ to: inboxOf(1_003 as UserId) });
  assert.ok(away.outcome === 'refused' && away.code === '9502');
  const blocked = await send();
  assert.ok(blocked.outcome === 'refused' && blocked.code === '9501');
  assert.deepEqual(rung, []);
});

test('only a share that the sender is refused for is final at the store', async () => {
  const { send, state, appended } = sending([
    ...([{ outcome: 'share' }, { outcome: 'share' }, { outcome: 'ended' }] as const),
    ...([{ outcome: 'share' }, { outcome: 'duplicate', seq: 7 as Seq }, { outcome: 'share' }] as const),
  ]);
  const finals = () => appended.splice(0).map(({ endsProducer }) => endsProducer === true);
  const there = await send({ again: true });
  assert.deepEqual([there.outcome, finals()], ['retry', [false]]);
  state.away = true;
  const away = await send({ again: true, to: inboxOf(1_003 as UserId) });
  assert.ok(away.outcome === 'refused' && away.code === CODES.inboxShare.code);
  assert.deepEqual(finals(), [false, true]);
  const storedByNow = await send({ again: true, to: inboxOf(1_004 as UserId) });
  assert.deepEqual([storedByNow.outcome, finals()], ['stored', [false, true]]);
  const once = await send({ to: inboxOf(1_005 as UserId) });
  assert.deepEqual([once.outcome, finals()], ['refused', [false]]);
});

test('a send that was stored before rings both sides: the server that stored it may have died before the push', async () => {
  const { send, rung } = sending([{ outcome: 'duplicate', seq: 5 as Seq }]);
  const receipt = await send();
  assert.deepEqual(rung, ['1002 look', '1001 look']);
  assert.deepEqual(receipt, { outcome: 'stored', seq: 5, online: true, n: 0, storedAt: 0 });
});

test('the send of a caller that cannot repeat it is tried three times', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const away: AppendAnswer = { outcome: 'retry', cause: new Error('no answer') };
  const answers = [away, away, OK];
  const { send } = sending(answers);
  const settled = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  const stored = send({ insist: true });
  await settled();
  assert.equal(answers.length, 2);
  t.mock.timers.tick(100);
  await settled();
  assert.equal(answers.length, 1);
  t.mock.timers.tick(400);
  assert.equal((await stored).outcome, 'stored');
  answers.push(away);
  assert.equal((await send()).outcome, 'retry');
});
