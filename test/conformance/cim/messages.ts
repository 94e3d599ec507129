/** Private messages, stored messages and the group on CIM's wire. */
import assert from 'node:assert/strict';
import type { CimFrame, UnmodifiedCimClient } from '@cim/testkit/raw';
import type { RuleIn } from '../rule.ts';
import { type CimWorld, fields, framesUpTo, live, nextOf, stored } from './cim-world.ts';

const OFFLINE = 'You selected user is offline!, please try again later!';
const where = 'protocol.md#cims-wire';

export const CIM_MESSAGE_RULES: readonly RuleIn<CimWorld>[] = [
  {
    name: 'cim/p2p/live-properties',
    says: 'A private message to a user who is online is 9000, and comes as `cmd` 1 with the id of its recipient, the text and three properties; its sender gets no frame.',
    where,
    check: async ({ online }) => {
      const [from, to] = [await online(), await online()];
      const { code, message, dataBody } = await from.toUser(to.userId, 'hello');
      assert.deepEqual([code, message, dataBody], ['9000', 'Success', null]);
      assert.deepEqual(await nextOf(to), live(from, to, 'hello'));
      assert.deepEqual(from.channel.unread, []);
    },
  },
  {
    name: 'cim/p2p/text-unchanged',
    says: 'A text arrives as it was sent, whatever is in it.',
    where,
    check: async ({ somebody, online }) => {
      const [from, to] = [await somebody(), await online()];
      const texts = [
        'a;;b;;c',
        ';;;;',
        `${to.userId};;x;;y`,
        ' ',
        ':q!',
        'two\nlines\r\n',
        '\u0000\u001b[2J',
        '李雷 👩‍👩‍👧 ‮',
        '{"msg":"x"}',
        '${jndi:ldap://x} %s',
        '__proto__',
        'x'.repeat(8 * 1024),
      ];
      for (const text of texts) {
        assert.equal((await from.toUser(to.userId, text)).code, '9000', '/p2pRoute');
        assert.deepEqual(await nextOf(to), live(from, to, text));
      }
    },
  },
  {
    name: 'cim/p2p/batch-one-frame',
    says: 'One `/p2pRoute` with `batchMsg` is one frame with `batchReqMsg`, live and stored.',
    where,
    check: async ({ somebody, connect }) => {
      const [from, to] = [await somebody(), await somebody()];
      assert.equal((await from.batchToUser(to.userId, ['1', '2;;3', '4'])).code, '7000', 'while away');
      await connect(to);
      await to.fetchOffline();
      assert.deepEqual(await nextOf(to), stored(from, to, ['1', '2;;3', '4']));
      assert.equal((await from.batchToUser(to.userId, ['a', 'b;;c', 'd'])).code, '9000', 'while online');
      assert.deepEqual(await nextOf(to), { ...stored(from, to, ['a', 'b;;c', 'd']), cmd: 1 });
    },
  },
  {
    name: 'cim/p2p/live-once',
    says: 'A live message comes once, also when its recipient logs out as soon as it has come.',
    where,
    check: async ({ somebody, online, connect }) => {
      const [from, to] = [await somebody(), await online()];
      await from.toUser(to.userId, 'once');
      assert.deepEqual(await nextOf(to), live(from, to, 'once'));
      await to.logOut();
      await connect(to);
      await to.fetchOffline();
      assert.deepEqual(await framesUpTo(to, from), []);
    },
  },
  {
    name: 'cim/offline/stored-in-order',
    says: 'A message to a user who is away is 7000 with HTTP 200; `/fetchOfflineMsgs` brings what was stored as `cmd` 3, in order, the consecutive messages of one sender in one frame.',
    where,
    check: async ({ somebody, connect }) => {
      const [ann, ben, to] = [await somebody(), await somebody(), await somebody()];
      const sends: [UnmodifiedCimClient, string][] = [
        [ann, 'a1'],
        [ann, 'a2'],
        [ben, 'b1'],
        [ann, 'a3'],
        [ben, 'b2'],
        [ben, 'b3'],
      ];
      for (const [from, text] of sends) {
        const { code, message, status } = await from.toUser(to.userId, text);
        assert.deepEqual([code, message, status], ['7000', OFFLINE, 200]);
      }
      await connect(to);
      assert.equal((await to.fetchOffline()).code, '9000', '/fetchOfflineMsgs');
      const expected = [
        stored(ann, to, ['a1', 'a2']),
        stored(ben, to, ['b1']),
        stored(ann, to, ['a3']),
        stored(ben, to, ['b2', 'b3']),
      ];
      for (const frame of expected) assert.deepEqual(await nextOf(to), frame);
      assert.deepEqual(await framesUpTo(to, ann), []);
    },
  },
  {
    name: 'cim/offline/eight-frames-in-100-ms',
    says: 'Stored messages come in at most 8 frames in 100 ms.',
    where,
    check: async ({ somebody, connect }) => {
      const [ann, ben, to] = [await somebody(), await somebody(), await somebody()];
      const texts = Array.from({ length: 25 }, (_, i) => `${i}`);
      for (const [i, text] of texts.entries()) await (i % 2 === 0 ? ann : ben).toUser(to.userId, text);
      await connect(to);
      const asked = performance.now();
      await to.fetchOffline();
      const frames: CimFrame[] = [];
      while (frames.length < texts.length) frames.push(await to.channel.next());
      const came = frames.flatMap((frame) => frame.batch);
      assert.deepEqual(came, texts);
      // A frame may come later than it was sent, so the time counts from the question. Timers are right to some ms.
      for (const [i, { at }] of frames.entries()) {
        const earliest = 95 * Math.floor(i / 8);
        const after = at - asked;
        assert.ok(
          after >= earliest,
          `frame ${i} is to come ${earliest} ms after the question or later, it came ${after} ms after`,
        );
      }
    },
  },
  {
    name: 'cim/offline/live-waits-behind-stored',
    says: 'Live private messages wait behind the stored ones.',
    where,
    check: async ({ somebody, connect }) => {
      const [from, to] = [await somebody(), await somebody()];
      await from.toUser(to.userId, 'stored');
      await connect(to);
      assert.equal((await from.toUser(to.userId, 'live-1')).code, '9000', '/p2pRoute');
      assert.equal((await from.toUser(to.userId, 'live-2')).code, '9000', '/p2pRoute');
      await to.channel.ping();
      assert.deepEqual(to.channel.unread, []);
      await to.fetchOffline();
      const expected = [stored(from, to, ['stored']), live(from, to, 'live-1'), live(from, to, 'live-2')];
      for (const frame of expected) assert.deepEqual(await nextOf(to), frame);
    },
  },
  {
    name: 'cim/offline/stored-once',
    says: 'A stored message comes once, also when its recipient logs out as soon as it has come.',
    where,
    check: async ({ somebody, connect }) => {
      const [from, to] = [await somebody(), await somebody()];
      await from.toUser(to.userId, 'once');
      await connect(to);
      await to.fetchOffline();
      assert.deepEqual(await nextOf(to), stored(from, to, ['once']));
      await to.logOut();
      await connect(to);
      await to.fetchOffline();
      assert.deepEqual(await framesUpTo(to, from), []);
    },
  },
  {
    name: 'cim/offline/by-itself-after-6s',
    says: 'A client that never asks gets what was stored 6 s after its login, before what is live.',
    where,
    slow: true,
    check: async ({ somebody, connect }) => {
      const [from, to] = [await somebody(), await somebody()];
      await from.toUser(to.userId, 'stored');
      const begun = performance.now();
      await connect(to);
      await from.toUser(to.userId, 'live');
      // Others may write to the group meanwhile.
      const mine = ({ properties }: CimFrame) => properties.sendUserId === String(from.userId);
      const first = await to.channel.next('what was stored', mine, 12_000);
      assert.deepEqual(fields(first), stored(from, to, ['stored']));
      const after = first.at - begun;
      assert.ok(after > 5_500, `6 s are expected, it came after ${after} ms`);
      assert.deepEqual(fields(await to.channel.next('what is live', mine)), live(from, to, 'live'));
    },
  },
  {
    name: 'cim/group/all-but-sender',
    says: 'A group message goes to everyone online but its sender.',
    where,
    check: async ({ online }) => {
      const [from, ...others] = [await online(), await online(), await online(), await online()];
      assert.equal((await from.toGroup('to all')).code, '9000', '/groupRoute');
      for (const to of others) assert.deepEqual(await nextOf(to), live(from, to, 'to all'));
      // The group's next message comes after it: for its sender it is the first.
      const [answerer] = others;
      assert.ok(answerer);
      await answerer.toGroup('answer');
      assert.deepEqual(await nextOf(from), live(answerer, from, 'answer'));
    },
  },
  {
    name: 'cim/group/batch-one-frame',
    says: 'A group message of several texts is one frame.',
    where,
    check: async ({ ask, somebody, online }) => {
      const [from, to] = [await somebody(), await online()];
      const body = { userId: from.userId, msg: null, batchMsg: ['1', '2'] };
      assert.equal((await ask('/groupRoute', body)).code, '9000', '/groupRoute');
      assert.deepEqual(await nextOf(to), { ...stored(from, to, ['1', '2']), cmd: 1 });
    },
  },
  {
    name: 'cim/group/no-backlog',
    says: 'The group has no backlog for a CIM client: it begins with the login.',
    where,
    check: async ({ somebody, connect }) => {
      const [from, to] = [await somebody(), await somebody()];
      await from.toGroup('before the login');
      await connect(to);
      await from.toGroup('after the login');
      assert.deepEqual(await nextOf(to), live(from, to, 'after the login'));
      await to.fetchOffline();
      assert.deepEqual(await framesUpTo(to, from), []);
    },
  },
  {
    name: 'cim/group/slow-reader-harms-nobody',
    says: 'A client that does not read keeps nothing from the others.',
    where,
    check: async ({ somebody, online }) => {
      const [from, slow, to] = [await somebody(), await online(), await online()];
      slow.channel.pause();
      const text = 'x'.repeat(8_000);
      for (let i = 0; i < 200; i++) {
        await from.toGroup(text);
        assert.equal((await to.channel.next()).text, text);
      }
    },
  },
];
