import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { CIM_DEVICE, type Epoch, messageId, type Seq } from '@cim/protocol';
import { until } from '@cim/testkit';
import {
  AWKWARD_NAMES,
  appendOk,
  CIM,
  cimAt,
  cimOf,
  claimedBy,
  logIn,
  NOBODY,
  newClaim,
  newInstance,
  newName,
  newPair,
  newServer,
  newUser,
  type OpenedStore,
  type OpenStore,
} from '../test/contract-fixture.ts';
import type { IssueAnswer, Session } from './sessions.ts';
import type { Store } from './store.ts';

const epochOf = (answer: IssueAnswer): Epoch => {
  assert.equal(answer.outcome, 'issued');
  return answer.epoch;
};

/** All fields of a session except times. */
function lasting({
  seenAt,
  createdAt,
  olderCreatedAt,
  ...session
}: Session): Omit<Session, 'seenAt' | 'createdAt' | 'olderCreatedAt'> {
  for (const time of [createdAt, olderCreatedAt]) assert.ok(time <= seenAt, `${time}`);
  assert.ok(Math.abs(seenAt - Date.now()) < 60_000, `${seenAt}`);
  return session;
}

export function sessionsContract(open: OpenStore): void {
  describe('sessions', () => {
    let opened: OpenedStore;
    let store: Store;
    before(async () => {
      opened = await open();
      store = opened.store;
    });
    after(() => opened.close());

    describe('issue', () => {
      test('makes a session that is found as issued and that locates nobody', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const epoch = epochOf(
          await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: 'secret' }),
        );
        assert.ok(epoch > 0);
        const found = await store.sessions.find(user.userId);
        assert.deepEqual(found.map(lasting), [
          { ...user, ...CIM, epoch, state: 'issued', instance, secretHashes: ['secret'] },
        ]);
        assert.deepEqual(await store.sessions.locate(user.userId), []);
        assert.deepEqual(await store.sessions.online(instance), []);
      });

      test('under reject refuses a second login while one is issued and while one is live', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const login = { user, instance, ...CIM, policy: 'reject', secretHash: '' } as const;
        const epoch = epochOf(await store.sessions.issue(login));
        assert.deepEqual(await store.sessions.issue(login), { outcome: 'repeat', live: [] });
        await store.sessions.claim({ userId: user.userId, instance, epoch, claim: newClaim() });
        const live = [cimAt(instance, epoch)];
        assert.deepEqual(await store.sessions.issue(login), { outcome: 'repeat', live });
        assert.deepEqual(await store.sessions.epochs([cimOf(user)]), [{ epoch, state: 'live' }]);
      });

      test('under kick and replace makes the next epoch in any case', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const live = await logIn(store, user, instance);
        const kicked = epochOf(
          await store.sessions.issue({ user, instance, ...CIM, policy: 'kick', secretHash: 'shown' }),
        );
        const replace = { user, instance, ...CIM, policy: 'replace', one: 'user', secretHash: '' } as const;
        const replaced = epochOf(await store.sessions.issue({ ...replace, shownHash: 'shown' }));
        assert.ok(live < kicked && kicked < replaced);
        assert.deepEqual(await store.sessions.issue({ ...replace, shownHash: '' }), { outcome: 'stale' });
      });

      test('issues nothing to a login that was checked by an outdated password hash', async () => {
        const { account } = await store.accounts.register(newName(), 'first');
        const user = { userId: account.userId, userName: account.userName };
        const instance = await newServer(store);
        const by = (passwordHash?: string): Promise<IssueAnswer> =>
          store.sessions.issue({ user, instance, ...CIM, policy: 'kick', secretHash: 'mine', passwordHash });
        for (const wrong of [undefined, '', 'other'])
          assert.deepEqual(await by(wrong), { outcome: 'stale' }, wrong);
        assert.deepEqual(await store.sessions.find(user.userId), []);
        epochOf(await by('first'));
        // The password changes while the login is issued. In either order the old hash opens nothing
        // afterwards.
        const changing = store.accounts.replacePassword(user.userId, 'first', 'second');
        const meanwhile = by('first');
        assert.equal(await changing, true);
        await store.sessions.end(user.userId);
        assert.deepEqual(await by('first'), { outcome: 'stale' });
        await meanwhile;
        assert.deepEqual((await store.sessions.find(user.userId))[0]?.secretHashes, ['']);
        epochOf(await by('second'));
        const open = await newUser(store);
        const login = { user: open, instance, ...CIM, policy: 'kick', secretHash: '' } as const;
        assert.deepEqual(await store.sessions.issue({ ...login, passwordHash: 'any' }), { outcome: 'stale' });
        epochOf(await store.sessions.issue(login));
      });

      test('issues nothing to an invalid secret: after a logout, a newer claim, or of another user', async () => {
        const [user, other] = await Promise.all([newUser(store), newUser(store)]);
        const instance = await newServer(store);
        const at = { instance, secretHash: 'newer' } as const;
        const resume = (shownHash: string, of = user): Promise<IssueAnswer> =>
          store.sessions.issue({ ...at, user: of, ...CIM, policy: 'replace', one: 'user', shownHash });
        assert.deepEqual(await resume('first'), { outcome: 'stale' });
        await store.sessions.issue({ user, instance, ...CIM, policy: 'kick', secretHash: 'first' });
        assert.deepEqual(await resume('first', other), { outcome: 'stale' });
        epochOf(await resume('first'));
        // Until a newer login is claimed, the secret before it stays valid.
        const epoch = epochOf(await resume('first'));
        await store.sessions.claim({ userId: user.userId, instance, epoch, claim: newClaim() });
        assert.deepEqual(await resume('first'), { outcome: 'stale' });
        assert.equal((await store.sessions.find(user.userId))[0]?.epoch, epoch);
        await store.sessions.end(user.userId);
        assert.deepEqual(await resume('newer'), { outcome: 'stale' });
        assert.equal((await store.sessions.find(user.userId))[0]?.state, 'ended');
      });

      test('of simultaneous logins of one user reject issues one, and kick gives each its own epoch', async () => {
        const instance = await newServer(store);
        const many = async (policy: 'reject' | 'kick', count: number): Promise<IssueAnswer[]> => {
          const user = await newUser(store);
          return Promise.all(
            Array.from({ length: count }, () =>
              store.sessions.issue({ user, instance, ...CIM, policy, secretHash: '' }),
            ),
          );
        };
        const rejecting = await many('reject', 20);
        assert.equal(rejecting.filter((answer) => answer.outcome === 'issued').length, 1);
        assert.equal(new Set((await many('kick', 5)).map(epochOf)).size, 5);
      });

      test('keeps the epoch growing through logouts and a new process', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const first = await logIn(store, user, instance);
        await store.sessions.release(cimOf(user), first, instance);
        const second = await logIn(store, user, instance);
        await store.sessions.end(user.userId);
        const [ended] = await store.sessions.epochs([cimOf(user)]);
        store = await opened.reopen();
        assert.deepEqual(await store.sessions.epochs([cimOf(user)]), [ended]);
        const third = await logIn(store, user, await newServer(store));
        assert.ok(first < second && second < third, `${first}, ${second}, ${third}`);
      });
    });

    describe('claim', () => {
      test('by epoch makes the session live, located and online', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const epoch = epochOf(
          await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: 's' }),
        );
        const answer = await store.sessions.claim({
          userId: user.userId,
          instance,
          epoch,
          claim: newClaim(),
        });
        assert.ok(answer.outcome === 'claimed' && answer.createdAt > 0);
        assert.deepEqual({ ...answer, createdAt: 0 }, claimedBy(user, epoch));
        assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(instance, epoch)]);
        assert.deepEqual(await store.sessions.online(instance), [user]);
        const found = await store.sessions.find(user.userId);
        assert.deepEqual(found.map(lasting), [
          { ...user, ...CIM, epoch, state: 'live', instance, secretHashes: ['s'] },
        ]);
      });

      test('by name takes exactly this name, whatever its characters', async () => {
        const instance = await newServer(store);
        for (const userName of AWKWARD_NAMES) {
          const user = { ...(await newUser(store)), userName };
          const epoch = epochOf(
            await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' }),
          );
          const by = { userId: user.userId, instance, claim: newClaim() };
          assert.deepEqual(await store.sessions.claim({ ...by, userName: `${userName} ` }), {
            outcome: 'refused',
          });
          assert.deepEqual(await store.sessions.claim({ ...by, userName }), claimedBy(user, epoch));
        }
        const online = await store.sessions.online(instance);
        assert.deepEqual(online.map((user) => user.userName).sort(), [...AWKWARD_NAMES].sort());
      });

      test('by name takes no login that was issued with a secret; a claim by its epoch does', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const login = { user, instance, ...CIM, policy: 'kick' } as const;
        const by = { userId: user.userId, instance, claim: newClaim() };
        await store.sessions.issue({ ...login, secretHash: '' });
        const epoch = epochOf(await store.sessions.issue({ ...login, secretHash: 'secret' }));
        const refused = { outcome: 'refused' };
        assert.deepEqual(await store.sessions.claim({ ...by, userName: user.userName }), refused);
        assert.equal((await store.sessions.find(user.userId))[0]?.state, 'issued');
        assert.equal((await store.sessions.claim({ ...by, epoch })).outcome, 'claimed');
        assert.deepEqual(await store.sessions.claim({ ...by, userName: user.userName }), refused);
      });

      test('refuses a user without a session, another instance, another epoch, another name', async () => {
        const user = await newUser(store);
        const [instance, other] = await Promise.all([newServer(store), newServer(store)]);
        const claim = newClaim();
        const at = { userId: user.userId, instance, claim };
        const refused = { outcome: 'refused' };
        assert.deepEqual(await store.sessions.claim({ ...at, userName: user.userName }), refused);
        const epoch = epochOf(
          await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' }),
        );
        assert.deepEqual(await store.sessions.claim({ ...at, userId: NOBODY, epoch }), refused);
        assert.deepEqual(await store.sessions.claim({ ...at, instance: other, epoch }), refused);
        assert.deepEqual(await store.sessions.claim({ ...at, epoch: (epoch + 1) as Epoch }), refused);
        assert.deepEqual(await store.sessions.claim({ ...at, epoch: (epoch - 1) as Epoch }), refused);
        assert.deepEqual(
          await store.sessions.claim({ ...at, userName: user.userName.toUpperCase() }),
          refused,
        );
        assert.deepEqual(await store.sessions.online(instance), []);
      });

      test('answers the same to the same attempt, and refuses any other once claimed', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const previous = cimAt(instance, await logIn(store, user, instance));
        const epoch = epochOf(
          await store.sessions.issue({ user, instance, ...CIM, policy: 'kick', secretHash: '' }),
        );
        const attempt = { userId: user.userId, instance, epoch, claim: newClaim() };
        const first = await store.sessions.claim(attempt);
        assert.deepEqual(first, claimedBy(user, epoch, previous));
        assert.deepEqual(await store.sessions.claim(attempt), first);
        assert.deepEqual(await store.sessions.claim({ ...attempt, claim: newClaim() }), {
          outcome: 'refused',
        });
      });

      test('lets one of two simultaneous attempts through', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const epoch = epochOf(
          await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' }),
        );
        const answers = await Promise.all(
          Array.from({ length: 10 }, () =>
            store.sessions.claim({ userId: user.userId, instance, epoch, claim: newClaim() }),
          ),
        );
        assert.equal(answers.filter((answer) => answer.outcome === 'claimed').length, 1);
      });

      test('refuses a login that a later one has replaced', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const login = { user, instance, ...CIM, policy: 'kick', secretHash: '' } as const;
        const [older, newer] = [
          epochOf(await store.sessions.issue(login)),
          epochOf(await store.sessions.issue(login)),
        ];
        const attempt = { userId: user.userId, instance, claim: newClaim() };
        assert.deepEqual(await store.sessions.claim({ ...attempt, epoch: older }), { outcome: 'refused' });
        assert.equal((await store.sessions.claim({ ...attempt, epoch: newer })).outcome, 'claimed');
      });

      test('names the live session before it, also across unclaimed logins', async () => {
        const user = await newUser(store);
        const [old, instance] = await Promise.all([newServer(store), newServer(store)]);
        const previous = cimAt(old, await logIn(store, user, old));
        const login = { user, instance, ...CIM, policy: 'kick', secretHash: '' } as const;
        await store.sessions.issue(login);
        const epoch = epochOf(await store.sessions.issue(login));
        const answer = await store.sessions.claim({
          userId: user.userId,
          instance,
          epoch,
          claim: newClaim(),
        });
        assert.deepEqual(answer, claimedBy(user, epoch, previous));
      });

      test('names no earlier session that was released or ended, or whose server is gone', async () => {
        const user = await newUser(store);
        const [old, instance] = await Promise.all([newServer(store), newServer(store)]);
        const leave = [
          async () => store.sessions.release(cimOf(user), await logIn(store, user, old), old),
          async () => {
            await logIn(store, user, old);
            await store.sessions.end(user.userId);
          },
          async () => {
            await logIn(store, user, old);
            await store.sessions.closeLease(old);
          },
        ];
        for (const leaving of leave) {
          await leaving();
          const epoch = epochOf(
            await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' }),
          );
          const answer = await store.sessions.claim({
            userId: user.userId,
            instance,
            epoch,
            claim: newClaim(),
          });
          assert.deepEqual(answer, claimedBy(user, epoch));
          await store.sessions.end(user.userId);
        }
      });
    });

    describe('release and end', () => {
      test('a released session is ended and offline, and does not block a login', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const epoch = await logIn(store, user, instance);
        await store.sessions.release(cimOf(user), epoch, instance);
        await store.sessions.release(cimOf(user), epoch, instance);
        assert.equal((await store.sessions.find(user.userId))[0]?.state, 'ended');
        assert.deepEqual(await store.sessions.locate(user.userId), []);
        assert.deepEqual(await store.sessions.online(instance), []);
        const next = await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' });
        assert.ok(epochOf(next) > epoch);
      });

      test('a late release does not affect the next session, on the same server', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const old = await logIn(store, user, instance);
        const epoch = await logIn(store, user, instance);
        await store.sessions.release(cimOf(user), old, instance);
        assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(instance, epoch)]);
        assert.deepEqual(await store.sessions.online(instance), [user]);
      });

      test('a late release takes the user from the old server only', async () => {
        const user = await newUser(store);
        const [before, instance] = await Promise.all([newServer(store), newServer(store)]);
        const old = await logIn(store, user, before);
        const epoch = await logIn(store, user, instance);
        await store.sessions.release(cimOf(user), old, before);
        assert.deepEqual(await store.sessions.locate(user.userId), [cimAt(instance, epoch)]);
        assert.deepEqual(await store.sessions.online(before), []);
        assert.deepEqual(await store.sessions.online(instance), [user]);
      });

      test('a release while the next login is issued leaves that one to be claimed', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const old = await logIn(store, user, instance);
        const epoch = epochOf(
          await store.sessions.issue({ user, instance, ...CIM, policy: 'kick', secretHash: '' }),
        );
        await store.sessions.release(cimOf(user), old, instance);
        assert.deepEqual(await store.sessions.online(instance), []);
        const answer = await store.sessions.claim({
          userId: user.userId,
          instance,
          epoch,
          claim: newClaim(),
        });
        assert.equal(answer.outcome, 'claimed');
      });

      test('end answers the current session once, and leaves nobody online', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const epoch = await logIn(store, user, instance);
        assert.deepEqual(await store.sessions.end(user.userId), [cimAt(instance, epoch)]);
        assert.deepEqual(await store.sessions.end(user.userId), []);
        assert.deepEqual(await store.sessions.locate(user.userId), []);
        assert.deepEqual(await store.sessions.online(instance), []);
        assert.equal((await store.sessions.find(user.userId))[0]?.state, 'ended');
      });

      test('a logout forgets every secret, also when the connection was lost before', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const secrets = async () => (await store.sessions.find(user.userId))[0]?.secretHashes;
        for (const lost of [false, true])
          for (const secret of ['mine', undefined]) {
            const login = { user, instance, ...CIM, policy: 'kick', secretHash: 'mine' } as const;
            const epoch = epochOf(await store.sessions.issue(login));
            await store.sessions.claim({ userId: user.userId, instance, epoch, claim: newClaim() });
            if (lost) await store.sessions.release(cimOf(user), epoch, instance);
            assert.deepEqual(await secrets(), ['mine']);
            const ended = await store.sessions.end(
              user.userId,
              secret === undefined ? undefined : { secretHash: secret },
            );
            assert.deepEqual(ended, lost ? [] : [cimAt(instance, epoch)]);
            assert.deepEqual(await secrets(), ['']);
          }
      });

      test('a logout has an epoch of its own: later acts of the session change nothing', async () => {
        const { sends, to: user, inbox } = await newPair(store);
        const [instance, other] = await Promise.all([newServer(store), newServer(store)]);
        const login = { user, instance, ...CIM, policy: 'kick', secretHash: 'secret' } as const;
        const epoch = epochOf(await store.sessions.issue(login));
        await store.sessions.claim({ userId: user.userId, instance, epoch, claim: newClaim() });
        for (const counter of [1, 2]) await appendOk(store, sends.item(counter));
        const ack = async (seq: number): Promise<number | undefined> => {
          const cursor = { seq: seq as Seq, id: messageId(sends.sender.userId, sends.producer, seq) };
          await store.streams.ack([{ user: user.userId, device: CIM_DEVICE, epoch, stream: inbox, cursor }]);
          return (await store.streams.cursor(user.userId, CIM_DEVICE, inbox))?.seq;
        };
        assert.equal(await ack(1), 1);
        await store.sessions.end(user.userId);
        const [now] = await store.sessions.epochs([cimOf(user)]);
        assert.ok(now !== undefined && now.epoch > epoch && now.state === 'ended');
        assert.equal(await ack(2), 1);
        assert.deepEqual(await store.sessions.reclaim([{ ...user, ...CIM, epoch }], other), [false]);
        await store.sessions.release(cimOf(user), epoch, instance);
        assert.deepEqual(await store.sessions.epochs([cimOf(user)]), [now]);
      });

      test('an ack on its way counts after a lost connection', async () => {
        const { sends, to: user, inbox } = await newPair(store);
        const instance = await newServer(store);
        const epoch = await logIn(store, user, instance);
        await appendOk(store, sends.item(1));
        await store.sessions.release(cimOf(user), epoch, instance);
        // The ack of a session by name comes after its logout.
        await store.sessions.end(user.userId);
        const cursor = { seq: 1 as Seq, id: messageId(sends.sender.userId, sends.producer, 1) };
        await store.streams.ack([{ user: user.userId, device: CIM_DEVICE, epoch, stream: inbox, cursor }]);
        assert.deepEqual(await store.streams.cursor(user.userId, CIM_DEVICE, inbox), cursor);
      });

      test('a login that was ended can no longer be claimed', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        const epoch = epochOf(
          await store.sessions.issue({ user, instance, ...CIM, policy: 'reject', secretHash: '' }),
        );
        assert.deepEqual(await store.sessions.end(user.userId), [cimAt(instance, epoch)]);
        const answer = await store.sessions.claim({
          userId: user.userId,
          instance,
          epoch,
          claim: newClaim(),
        });
        assert.deepEqual(answer, { outcome: 'refused' });
      });

      test('release, end, find and locate do nothing for a user who never logged in', async () => {
        const { userId } = await newUser(store);
        await store.sessions.release({ userId, device: CIM_DEVICE }, 1 as Epoch, newInstance());
        assert.deepEqual(await store.sessions.end(userId), []);
        assert.deepEqual(await store.sessions.find(userId), []);
        assert.deepEqual(await store.sessions.locate(userId), []);
      });
    });

    describe('many sessions', () => {
      test('epochs are answered one for one, 0 where there is no session', async () => {
        const [ada, ben] = await Promise.all([newUser(store), newUser(store)]);
        const instance = await newServer(store);
        await logIn(store, ada, instance);
        const epoch = await logIn(store, ada, instance);
        const none = { epoch: 0, state: 'ended' };
        const live = { epoch, state: 'live' };
        const users = [{ userId: NOBODY, device: CIM_DEVICE }, cimOf(ada), cimOf(ben), cimOf(ada)];
        assert.deepEqual(await store.sessions.epochs(users), [none, live, none, live]);
        await store.sessions.release(cimOf(ada), epoch, instance);
        assert.deepEqual(await store.sessions.epochs([cimOf(ada)]), [{ epoch, state: 'ended' }]);
        const next = await store.sessions.issue({
          user: ben,
          instance,
          ...CIM,
          policy: 'reject',
          secretHash: '',
        });
        const issued = { epoch: epochOf(next), state: 'issued' };
        assert.deepEqual(await store.sessions.epochs([cimOf(ben)]), [issued]);
        assert.deepEqual(await store.sessions.epochs([]), []);
      });

      test('reclaim moves the sessions that are current and live, and no others', async () => {
        const [from, elsewhere, to] = await Promise.all([
          newServer(store),
          newServer(store),
          newServer(store),
        ]);
        const users = await Promise.all(Array.from({ length: 4 }, () => newUser(store)));
        const held = await Promise.all(
          users.map(async (user) => ({ ...user, ...CIM, epoch: await logIn(store, user, from) })),
        );
        const [kept, superseded, replaced, ended] = held;
        assert.ok(
          kept !== undefined && superseded !== undefined && replaced !== undefined && ended !== undefined,
        );
        const newer = await logIn(store, superseded, elsewhere);
        const login = {
          user: replaced,
          instance: elsewhere,
          ...CIM,
          policy: 'kick',
          secretHash: '',
        } as const;
        const epoch = epochOf(await store.sessions.issue(login));
        const attempt = { userId: replaced.userId, instance: elsewhere, epoch, claim: newClaim() };
        assert.equal((await store.sessions.claim(attempt)).outcome, 'claimed');
        await store.sessions.end(ended.userId);
        await store.sessions.closeLease(from);

        assert.deepEqual(await store.sessions.reclaim(held, to), [true, false, false, false]);
        assert.deepEqual(await store.sessions.reclaim(held, to), [true, false, false, false]);
        assert.deepEqual(await store.sessions.reclaim([], to), []);
        assert.deepEqual(await store.sessions.locate(kept.userId), [cimAt(to, kept.epoch)]);
        assert.deepEqual(await store.sessions.locate(superseded.userId), [cimAt(elsewhere, newer)]);
        assert.deepEqual(await store.sessions.online(to), [{ userId: kept.userId, userName: kept.userName }]);
      });

      test('an online set holds every user who is live there', async () => {
        const instance = await newServer(store);
        const users = await Promise.all(Array.from({ length: 300 }, () => newUser(store)));
        await Promise.all(users.map((user) => logIn(store, user, instance)));
        const online = await store.sessions.online(instance);
        assert.deepEqual(
          online.map((user) => user.userId).sort((a, b) => a - b),
          users.map((user) => user.userId).sort((a, b) => a - b),
        );
      });
    });

    describe('leases', () => {
      test('an instance id is opened once', async () => {
        const instance = await newServer(store);
        await assert.rejects(store.sessions.openLease(instance), /taken/);
        assert.equal(await store.sessions.renewLease(instance), true);
      });

      test('an instance that never opened its lease cannot renew it, and nobody is online there', async () => {
        const instance = newInstance();
        assert.equal(await store.sessions.renewLease(instance), false);
        assert.deepEqual(await store.sessions.online(instance), []);
        await store.sessions.closeLease(instance);
      });

      test('closing a lease ends its sessions at once', async () => {
        const user = await newUser(store);
        const instance = await newServer(store);
        await logIn(store, user, instance);
        await store.sessions.closeLease(instance);
        assert.deepEqual(await store.sessions.locate(user.userId), []);
        assert.deepEqual(await store.sessions.online(instance), []);
        assert.equal(await store.sessions.renewLease(instance), false);
        const next = await store.sessions.issue({
          user,
          instance: await newServer(store),
          ...CIM,
          policy: 'reject',
          secretHash: '',
        });
        assert.equal(next.outcome, 'issued');
      });
    });

    describe('time', () => {
      test('a lease that lapsed is never revived, and its users can log in again', async () => {
        const short = await open({ leaseMs: 300 });
        try {
          const user = await newUser(short.store);
          const instance = await newServer(short.store);
          const epoch = await logIn(short.store, user, instance);
          const { sessions } = short.store;
          await until('the lease lapses', async () => (await sessions.locate(user.userId)).length === 0);
          assert.equal(await sessions.renewLease(instance), false);
          assert.deepEqual(await sessions.locate(user.userId), []);
          assert.deepEqual(await sessions.online(instance), []);
          assert.equal((await sessions.find(user.userId))[0]?.state, 'live');
          const next = await sessions.issue({
            user,
            instance: newInstance(),
            ...CIM,
            policy: 'reject',
            secretHash: '',
          });
          assert.ok(epochOf(next) > epoch);
        } finally {
          await short.close();
        }
      });

      test('a renewed lease lives on, with its online set', async () => {
        const leaseMs = 900;
        const short = await open({ leaseMs });
        try {
          const user = await newUser(short.store);
          const instance = await newServer(short.store);
          const epoch = await logIn(short.store, user, instance);
          const { sessions } = short.store;
          const enough = performance.now() + 2 * leaseMs;
          await until('two leases have passed', async () => {
            assert.equal(await sessions.renewLease(instance), true);
            return performance.now() > enough;
          });
          assert.deepEqual(await sessions.locate(user.userId), [cimAt(instance, epoch)]);
          assert.deepEqual(await sessions.online(instance), [user]);
        } finally {
          await short.close();
        }
      });

      test('a login that was not claimed in time blocks nobody and cannot be claimed', async () => {
        const short = await open({ issuedMs: 300 });
        try {
          const user = await newUser(short.store);
          const instance = await newServer(short.store);
          const login = { user, instance, ...CIM, policy: 'reject', secretHash: '' } as const;
          const { sessions } = short.store;
          const first = epochOf(await sessions.issue(login));
          let next: IssueAnswer = { outcome: 'repeat', live: [] };
          await until('the login lapses', async () => {
            next = await sessions.issue(login);
            return next.outcome === 'issued';
          });
          assert.ok(epochOf(next) > first);
          const claim = { userId: user.userId, instance, claim: newClaim() };
          assert.deepEqual(await sessions.claim({ ...claim, epoch: first }), { outcome: 'refused' });
          const lapsed = performance.now() + 400;
          await until('the second lapses', () => performance.now() > lapsed);
          assert.deepEqual(await sessions.claim({ ...claim, userName: user.userName }), {
            outcome: 'refused',
          });
        } finally {
          await short.close();
        }
      });
    });
  });
}
