/** Sends through real stores while a real HTTP server answers, or fails. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { openEmbeddedMembership } from '@cim/discovery';
import { newWebhookSecret, Outcall } from '@cim/outcall';
import {
  cim,
  CODES,
  decodeContent,
  type GroupId,
  groupStream,
  inboxOf,
  LOBBY,
  messageId,
  type NamedUser,
  parseUserName,
  type ProducerId,
  type Seq,
  type StreamRef,
} from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import { silentLogger, silentObserver } from '@cim/runtime';
import { HELD, messageIdOf, openEmbeddedStore, openRedisStore, type Store } from '@cim/store';
import { answering, MODERATION_FAILURES, ModerationSystem, RedisProcess, until } from '@cim/testkit';
import { createMessaging, type Messaging } from '../messaging.ts';
import type { SendReceipt, SendRequest } from '../send-request.ts';
import { refused } from '../send-problems.ts';
import { heldMessageId, HeldMessages } from './held-messages.ts';
import { type HookSettings, ModerationHook } from './moderation-hook.ts';
import { WordMatcher } from './word-matcher.ts';
import { Words } from './words.ts';

const logger = silentLogger();
const rpc = new RpcClient({ secret: 's', flusher: new TurnFlusher(), wheel: new TimingWheel(), logger });
const membership = openEmbeddedMembership();
const outcall = new Outcall({ allowedHosts: ['127.0.0.1'], agent: 'cim/test' });
after(async () => {
  outcall.stop();
  await rpc.stop();
});

const SECRET = newWebhookSecret();
/** Longer than any answer takes here. Tests in which no answer comes name a shorter one. */
const PATIENT_MS = 60_000;

for (const engine of ['LevelDB', 'Redis'] as const)
  describe(`the moderation hook on ${engine}`, { concurrency: false }, () => {
    let dir: string;
    let redis: RedisProcess | undefined;
    let store: Store;
    let system: ModerationSystem;
    let alice: NamedUser;
    let bob: NamedUser;
    let producer: ProducerId;
    let names = 0;
    let counted: string[];
    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'cim-hook-'));
      redis = engine === 'Redis' ? await RedisProcess.start() : undefined;
      store =
        redis === undefined
          ? await openEmbeddedStore({ dir, logger })
          : await openRedisStore({ url: redis.url, durability: 'disk', logger });
      system = await ModerationSystem.start();
    });
    after(async () => {
      await system[Symbol.asyncDispose]();
      await store.stop();
      await redis?.[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    });
    const register = async (): Promise<NamedUser> => {
      const parsed = parseUserName(`user-${++names}`);
      assert.ok(parsed.ok);
      return (await store.accounts.register(parsed.name)).account;
    };
    beforeEach(async () => {
      [alice, bob] = [await register(), await register()];
      producer = `producer-of-user-${names}` as ProducerId;
      counted = [];
      system.questions.length = 0;
      system.answer = answering({ action: 'allow' });
    });

    const serving = (
      settings: Partial<HookSettings> = {},
      more: { words?: Words; now?: () => number; held?: Store['held'] } = {},
    ): { messaging: Messaging; hook: ModerationHook } => {
      const observer = {
        ...silentObserver,
        moderated: (by: string, outcome: string) => void counted.push(`${by} ${outcome}`),
      };
      const { words, now } = more;
      const hook = new ModerationHook(
        {
          url: system.url,
          secret: SECRET,
          groups: [],
          fallback: 'allow',
          deadlineMs: PATIENT_MS,
          ...settings,
        },
        { outcall, observer, logger, ...(now && { now }) },
      );
      const moderation = { hook, problems: [], ...(words && { words }) };
      const given = more.held === undefined ? store : { ...store, held: more.held };
      return { hook, messaging: createMessaging({ store: given, membership, rpc, logger, moderation }) };
    };
    const contentOf = (content: cim.Content.$Properties): Uint8Array => cim.Content.encode(content).finish();
    const send = (
      messaging: Messaging,
      text: string,
      counter: number,
      more: Partial<SendRequest> = {},
    ): Promise<SendReceipt> =>
      new Promise((resolve) =>
        messaging.sends.send(
          {
            ...{ door: 'tcp', actor: alice, to: inboxOf(bob.userId), producer, counter },
            content: contentOf({ texts: [text] }),
            ...more,
          },
          resolve,
        ),
      );
    const textsIn = async (stream: StreamRef): Promise<string[]> => {
      const entries = await store.streams.read(stream, 1 as Seq, 1_000);
      return entries.map(({ content }) => decodeContent(content)?.texts.join() ?? '');
    };
    const textsOf = ({ userId }: NamedUser): Promise<string[]> => textsIn(inboxOf(userId));
    const codeOf = (receipt: SendReceipt): string =>
      receipt.outcome === 'refused' ? receipt.code : receipt.outcome;

    test('asks with a signed question that has the message, and stores what is allowed', async () => {
      const { messaging } = serving();
      assert.equal(codeOf(await send(messaging, 'hello', 1)), 'stored');
      assert.deepEqual([await textsOf(bob), counted], [['hello'], ['hook allowed']]);
      const [question] = system.questions;
      assert.ok(question !== undefined && system.questions.length === 1);
      const { headers, body, data } = question;
      assert.deepEqual(data, {
        id: messageId(alice.userId, producer, 1),
        from: { id: String(alice.userId), name: alice.userName },
        to: { user: String(bob.userId) },
        texts: ['hello'],
        door: 'tcp',
      });
      const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64');
      const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
      assert.equal(
        headers['webhook-signature'],
        `v1,${createHmac('sha256', key).update(signed).digest('base64')}`,
      );
    });

    test('a refused message is not stored, and its sender is told the reason in one line', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'refuse', reason: 'no\nadvertising \u001b[31m' });
      const receipt = await send(messaging, 'buy', 1);
      assert.deepEqual(receipt, {
        outcome: 'refused',
        code: CODES.moderated.code,
        text: 'no advertising [31m',
      });
      system.answer = answering({ action: 'refuse' });
      const without = await send(messaging, 'buy', 1);
      assert.equal(without.outcome === 'refused' && without.text, CODES.moderated.message);
      assert.deepEqual(await textsOf(bob), []);
    });

    test('replaced texts are stored on both sides, and the receipt has them', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'replace', texts: ['call ***', 'or not'] });
      const receipt = await send(messaging, 'call 555', 1);
      assert.equal(receipt.outcome, 'stored');
      assert.deepEqual(decodeContent(receipt.content ?? new Uint8Array())?.texts, ['call ***', 'or not']);
      assert.deepEqual(
        [await textsOf(bob), await textsOf(alice)],
        [['call ***,or not'], ['call ***,or not']],
      );
    });

    test('asks about the masked text, and not about a message that the words refuse', async () => {
      const list = [
        { text: 'bad', action: 'mask' },
        { text: 'worse', action: 'refuse' },
      ] as const;
      const file = { matcher: await WordMatcher.of(list) };
      const { messaging } = serving({}, { words: new Words({ file, observer: silentObserver, logger }) });
      assert.equal(codeOf(await send(messaging, 'bad', 1)), 'stored');
      assert.equal(codeOf(await send(messaging, 'worse', 2)), CODES.moderated.code);
      assert.deepEqual(
        system.questions.map(({ data }) => data.texts),
        [['***']],
      );
      assert.deepEqual(await textsOf(bob), ['***']);
    });

    test('with named groups only their messages are asked about', async () => {
      const group = (await messaging0().groups.create(alice, { name: 'g', join: 'open' })).id;
      const { messaging } = serving({ groups: [LOBBY, group] });
      const to = (of: GroupId): Partial<SendRequest> => ({ to: groupStream(of) });
      assert.equal(codeOf(await send(messaging, 'private', 1)), 'stored');
      assert.equal(codeOf(await send(messaging, 'in lobby', 1, to(LOBBY))), 'stored');
      assert.equal(codeOf(await send(messaging, 'in group', 1, to(group))), 'stored');
      assert.deepEqual(
        system.questions.map(({ data }) => data.texts?.join()),
        ['in lobby', 'in group'],
      );
    });

    test('a recall is not asked about, and an edit is', async () => {
      const { messaging } = serving();
      await send(messaging, 'first', 1);
      const ref = messageId(alice.userId, producer, 1);
      system.questions.length = 0;
      const event = (content: cim.Content.$Properties): Partial<SendRequest> => ({
        content: contentOf(content),
      });
      system.answer = answering({ action: 'refuse' });
      const edit = event({ type: 'edit', ref, texts: ['second'] });
      assert.equal(codeOf(await send(messaging, '', 2, edit)), CODES.moderated.code);
      assert.equal(codeOf(await send(messaging, '', 2, event({ type: 'recall', ref }))), 'stored');
      assert.deepEqual(
        system.questions.map(({ data }) => data['type']),
        ['edit'],
      );
    });

    test('every failure of the moderation system has the declared fallback, and shows as a problem until it answers', async () => {
      for (const [failure, answer] of Object.entries(MODERATION_FAILURES)) {
        [alice, bob] = [await register(), await register()];
        const isSilent = failure === 'never answers';
        const deadlineMs = isSilent ? 20 : PATIENT_MS;
        const allowing = serving({ fallback: 'allow', deadlineMs });
        const refusing = serving({ fallback: 'refuse', deadlineMs });
        system.answer = answer;
        assert.equal(codeOf(await send(allowing.messaging, failure, 1)), 'stored', failure);
        assert.equal(codeOf(await send(refusing.messaging, failure, 2)), CODES.unchecked.code, failure);
        assert.match(
          allowing.hook.problem ?? '',
          /^the moderation system at 127.0.0.1:\d+ fails since .*stored unchecked: ./,
        );
        assert.match(refusing.hook.problem ?? '', /are refused/);
        assert.deepEqual(await textsOf(bob), [failure]);
        if (isSilent) continue;
        system.answer = answering({ action: 'allow' });
        assert.equal(codeOf(await send(refusing.messaging, 'again', 2)), 'stored', failure);
        assert.equal(refusing.hook.problem, undefined, failure);
      }
    });

    test('after five failures in a row nobody waits for it; after five seconds one message tries whether it is back', async () => {
      let now = 0;
      const { messaging, hook } = serving({}, { now: () => now });
      system.answer = (_question, reply) => void reply.writeHead(503).end();
      for (let counter = 1; counter <= 7; counter++)
        assert.equal(codeOf(await send(messaging, 'text', counter)), 'stored');
      assert.equal(system.questions.length, 5);
      now += 5_000;
      await send(messaging, 'text', 8);
      await send(messaging, 'text', 9);
      assert.equal(system.questions.length, 6);
      now += 5_000;
      system.answer = answering({ action: 'allow' });
      await send(messaging, 'text', 10);
      await send(messaging, 'text', 11);
      assert.deepEqual([system.questions.length, hook.problem], [8, undefined]);
    });

    test('sends of one sender are stored in their order, whatever the order of the answers; other sends do not wait', async () => {
      const { messaging } = serving({ groups: [LOBBY] });
      const carol = await register();
      const waiting: ServerResponse[] = [];
      system.answer = (_question, reply) => void waiting.push(reply);
      const to = groupStream(LOBBY);
      const before = (await textsIn(to)).length;
      const sends = [1, 2, 3].map((counter) => send(messaging, `text ${counter}`, counter, { to }));
      await until('all are asked about', () => waiting.length === 3);
      // Another conversation of the same sender, and another sender.
      assert.equal(codeOf(await send(messaging, 'private', 1)), 'stored');
      const other = { actor: carol, producer: 'another-producer-1' as ProducerId };
      assert.equal(codeOf(await send(messaging, 'from carol', 1, other)), 'stored');
      for (const reply of waiting.toReversed()) reply.end('{"action":"allow"}');
      assert.deepEqual((await Promise.all(sends)).map(codeOf), ['stored', 'stored', 'stored']);
      assert.deepEqual((await textsIn(to)).slice(before), ['text 1', 'text 2', 'text 3']);
    });

    test('a repeated send has one outcome and is stored once, whatever is answered the second time', async () => {
      const replace = { action: 'replace', texts: ['replaced'] };
      const answers = [
        { action: 'allow' },
        replace,
        { action: 'replace', texts: ['other'] },
        { action: 'refuse' },
      ];
      const { messaging } = serving();
      for (const first of [{ action: 'allow' }, replace])
        for (const second of answers) {
          [alice, bob] = [await register(), await register()];
          system.answer = answering(first);
          for (const counter of [1, 2])
            assert.equal(codeOf(await send(messaging, 'text', counter)), 'stored');
          const keyed = (): Promise<SendReceipt> =>
            messaging.sends
              .sendKeyed({
                ...{ door: 'v1', actor: alice, to: inboxOf(bob.userId), key: 'k' },
                content: contentOf({ texts: ['text'] }),
              })
              .then(({ receipt }) => receipt);
          assert.equal(codeOf(await keyed()), 'stored');
          const stored = await textsOf(bob);
          system.answer = answering(second);
          for (const counter of [1, 2])
            assert.equal(
              codeOf(await send(messaging, 'text', counter, { again: true })),
              'stored',
              JSON.stringify({ first, second, counter }),
            );
          assert.equal(codeOf(await keyed()), 'stored');
          assert.deepEqual([await textsOf(bob), await textsOf(alice)], [stored, stored]);
        }
    });

    test('a send that was refused when it was repeated is not stored when the system allows it later', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'refuse' });
      assert.equal(codeOf(await send(messaging, 'text', 1, { again: true })), CODES.moderated.code);
      system.answer = answering({ action: 'allow' });
      assert.equal(codeOf(await send(messaging, 'text', 1, { again: true })), 'unknown-producer');
      assert.deepEqual(await textsOf(bob), []);
    });

    /** The store of held messages, with some calls replaced. */
    const heldWith = (more: Partial<Store['held']>): Store['held'] => ({
      ...{ add: (message, most) => store.held.add(message, most), knows: (id) => store.held.knows(id) },
      ...{ list: (limit) => store.held.list(limit), allowed: (limit) => store.held.allowed(limit) },
      ...{
        decide: (id, verdict) => store.held.decide(id, verdict),
        settle: (id) => store.held.settle(id),
      },
      ...more,
    });
    const heldOf = async (messaging: Messaging) =>
      (await messaging.held.list(1_000)).items.filter(({ sender }) => sender.userId === alice.userId);
    const idsOf = async ({ userId }: NamedUser): Promise<string[]> =>
      (await store.streams.read(inboxOf(userId), 1 as Seq, 1_000)).map(messageIdOf);

    test('a held message is not stored until it is allowed, and comes then to both sides, once', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'hold', reason: 'a link' });
      const receipt = await send(messaging, 'look', 1);
      assert.equal(codeOf(receipt), CODES.held.code);
      system.answer = answering({ action: 'allow' });
      const next = { producer: `${producer}-next` as ProducerId };
      assert.equal(codeOf(await send(messaging, 'next', 1, next)), 'stored');
      const [held, ...more] = await heldOf(messaging);
      assert.ok(held !== undefined && more.length === 0);
      assert.deepEqual([held.reason, decodeContent(held.content)?.texts], ['a link', ['look']]);
      // The decision asks nobody again.
      system.answer = answering({ action: 'refuse' });
      const decided = await messaging.held.decide(held.id, 'allow');
      assert.equal(decided?.receipt?.outcome, 'stored');
      assert.equal(await messaging.held.decide(held.id, 'allow'), undefined);
      for (const who of [alice, bob]) assert.deepEqual(await textsOf(who), ['next', 'look']);
      assert.equal((await idsOf(bob))[1], heldMessageId(held));
      await messaging.held.look();
      assert.deepEqual([await textsOf(bob), await heldOf(messaging)], [['next', 'look'], []]);
    });

    test('a held message that is not allowed is never stored', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'hold' });
      await send(messaging, 'look', 1);
      const [held] = await heldOf(messaging);
      const decided = await messaging.held.decide(held?.id ?? ('' as ProducerId), 'refuse', 'no links');
      assert.equal(decided?.message.id, held?.id);
      assert.equal(await messaging.held.decide(held?.id ?? ('' as ProducerId), 'allow'), undefined);
      await messaging.held.look();
      assert.deepEqual([await textsOf(bob), await heldOf(messaging)], [[], []]);
    });

    test('a held send that is repeated is answered as held, whatever is answered or decided meanwhile, and stored once', async () => {
      const { messaging } = serving();
      const key = (): Promise<SendReceipt> =>
        messaging.sends
          .sendKeyed({
            ...{ door: 'v1', actor: alice, to: inboxOf(bob.userId), key: 'k' },
            content: contentOf({ texts: ['keyed'] }),
          })
          .then(({ receipt }) => receipt);
      for (const again of [false, true]) {
        [alice, bob] = [await register(), await register()];
        const repeat = async (): Promise<void> => {
          assert.equal(codeOf(await send(messaging, 'counted', 1, { again: true })), CODES.held.code);
          assert.equal(codeOf(await key()), CODES.held.code);
        };
        system.answer = answering({ action: 'hold' });
        assert.equal(codeOf(await send(messaging, 'counted', 1, { again })), CODES.held.code);
        assert.equal(codeOf(await key()), CODES.held.code);
        for (const action of ['allow', 'refuse', 'hold']) {
          system.answer = answering({ action });
          await repeat();
        }
        const held = await heldOf(messaging);
        assert.equal(held.length, 2);
        for (const { id } of held) await messaging.held.decide(id, 'allow');
        for (const action of ['allow', 'refuse', 'hold']) {
          system.answer = answering({ action });
          await repeat();
        }
        assert.deepEqual(new Set(await textsOf(bob)), new Set(['counted', 'keyed']));
        assert.deepEqual([(await textsOf(bob)).length, await heldOf(messaging)], [2, []]);
      }
    });

    test('a stored send that is to be held when it is repeated is answered as stored and not held', async () => {
      const { messaging } = serving();
      for (const counter of [1, 2]) await send(messaging, `text ${counter}`, counter);
      system.answer = answering({ action: 'hold' });
      for (const counter of [1, 2])
        assert.equal(codeOf(await send(messaging, `text ${counter}`, counter, { again: true })), 'stored');
      assert.deepEqual([await textsOf(bob), await heldOf(messaging)], [['text 1', 'text 2'], []]);
    });

    test('a client that uses the number of a held message for the next one is told to take another one', async () => {
      const { messaging } = serving();
      for (const action of ['hold', 'allow']) {
        [alice, bob] = [await register(), await register()];
        system.answer = answering({ action: 'hold' });
        assert.equal(codeOf(await send(messaging, 'first', 1)), CODES.held.code);
        system.answer = answering({ action });
        for (const text of ['second', 'first'])
          assert.equal(codeOf(await send(messaging, text, 1)), 'unknown-producer');
        assert.deepEqual([(await heldOf(messaging)).length, await textsOf(bob)], [1, []]);
      }
    });

    test('of messages that are sent together the first is held, and those behind it come again under other numbers', async () => {
      const { messaging } = serving();
      for (const before of [0, 2]) {
        [alice, bob] = [await register(), await register()];
        system.answer = answering({ action: 'allow' });
        for (let counter = 1; counter <= before; counter++)
          assert.equal(codeOf(await send(messaging, 'before', counter)), 'stored');
        system.answer = answering({ action: 'hold' });
        const sends = [1, 2, 3].map((i) => send(messaging, `text ${i}`, before + i));
        assert.deepEqual((await Promise.all(sends)).map(codeOf), [
          ...[CODES.held.code, 'unknown-producer', 'unknown-producer'],
        ]);
        const texts = (await heldOf(messaging)).map(({ content }) => decodeContent(content)?.texts);
        assert.deepEqual(texts, [['text 1']]);
      }
    });

    test('a send that another server stores meanwhile is not held', async () => {
      const [first, second] = [serving().messaging, serving().messaging];
      const asked: ServerResponse[] = [];
      system.answer = (_question, reply) => void asked.push(reply);
      const sent = send(first, 'look', 1);
      await until('the first server has asked', () => asked.length === 1);
      system.answer = answering({ action: 'allow' });
      assert.equal(codeOf(await send(second, 'look', 1, { again: true })), 'stored');
      asked[0]?.end('{"action":"hold"}');
      assert.equal(codeOf(await sent), 'stored');
      assert.deepEqual([await textsOf(bob), await heldOf(first)], [['look'], []]);
    });

    test('a send that another server holds meanwhile is neither stored nor held again nor refused, and is answered as held', async () => {
      for (const action of ['allow', 'hold', 'refuse'])
        for (const key of [undefined, 'k']) {
          [alice, bob] = [await register(), await register()];
          const sendBy = (messaging: Messaging, again: boolean): Promise<SendReceipt> =>
            key === undefined
              ? send(messaging, 'look', 1, { again })
              : messaging.sends
                  .sendKeyed({
                    ...{ door: 'v1', actor: alice, to: inboxOf(bob.userId), key },
                    content: contentOf({ texts: ['look'] }),
                  })
                  .then(({ receipt }) => receipt);
          const first = serving().messaging;
          let isHeld: Promise<SendReceipt> | undefined;
          const held = heldWith({
            knows: async (id) => {
              const known = await store.held.knows(id);
              if (isHeld === undefined) {
                system.answer = answering({ action: 'hold' });
                await (isHeld = sendBy(first, false));
              }
              return known;
            },
          });
          const second = serving({}, { held }).messaging;
          system.answer = answering({ action });
          const receipt = await sendBy(second, true);
          assert.ok(isHeld !== undefined);
          assert.deepEqual(
            [await isHeld, receipt].map(codeOf),
            [CODES.held.code, CODES.held.code],
            `${action} ${key}`,
          );
          assert.deepEqual([await textsOf(bob), (await heldOf(first)).length], [[], 1]);
        }
    });

    test('a send that could not be held is answered as retry, and is held once when it is repeated', async () => {
      system.answer = answering({ action: 'hold' });
      for (const isWritten of [false, true]) {
        [alice, bob] = [await register(), await register()];
        let fails = true;
        const held = heldWith({
          add: async (message, most) => {
            const answer = fails && !isWritten ? 'ok' : await store.held.add(message, most);
            if (fails) throw new Error('no answer');
            return answer;
          },
        });
        const { messaging } = serving({}, { held });
        assert.equal(codeOf(await send(messaging, 'look', 1)), 'retry');
        const again = codeOf(await send(messaging, 'look', 1, { again: true }));
        assert.equal(again, isWritten ? CODES.held.code : 'unknown-producer');
        fails = false;
        // The first try has ended its number, so its client takes another one.
        if (!isWritten)
          assert.equal(
            codeOf(await send(messaging, 'look', 1, { producer: `${producer}-2` as ProducerId })),
            CODES.held.code,
          );
        assert.equal((await heldOf(messaging)).length, 1);
        assert.deepEqual(await textsOf(bob), []);
      }
    });

    test('with the fallback hold messages wait while the system fails', async () => {
      const { messaging, hook } = serving({ fallback: 'hold' });
      system.answer = (_question, reply) => void reply.writeHead(500).end();
      assert.equal(codeOf(await send(messaging, 'look', 1)), CODES.held.code);
      assert.match(hook.problem ?? '', /are held: HTTP 500$/);
      assert.equal((await heldOf(messaging))[0]?.reason, 'not checked: HTTP 500');
    });

    test('an allowed message whose server died before it was stored is stored by another one, once', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'hold' });
      await send(messaging, 'look', 1);
      const [held] = await heldOf(messaging);
      assert.ok(held !== undefined);
      // What the server that died has left.
      await store.held.decide(held.id, 'allow');
      const other = serving().messaging;
      await Promise.all([messaging.held.look(), other.held.look()]);
      await other.held.look();
      assert.deepEqual([await textsOf(bob), await textsOf(alice)], [['look'], ['look']]);
      assert.equal((await store.held.allowed(1_000)).filter(({ id }) => id === held.id).length, 0);
    });

    test('an allowed message that its recipient does not take is not tried again', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'hold' });
      await send(messaging, 'look', 1);
      await store.blocks.block(bob.userId, alice.userId);
      const [held] = await heldOf(messaging);
      const decided = await messaging.held.decide(held?.id ?? ('' as ProducerId), 'allow');
      assert.equal(decided?.receipt && codeOf(decided.receipt), CODES.blocked.code);
      await store.blocks.unblock(bob.userId, alice.userId);
      await messaging.held.look();
      assert.deepEqual(await textsOf(bob), []);
    });

    test('of several servers that cannot store an allowed message one tells its sender, also when it is not settled at first', async () => {
      const told: string[] = [];
      const refusing = (settle: Store['held']['settle']): HeldMessages =>
        new HeldMessages({
          held: heldWith({ settle }),
          most: 10,
          store: (_request, done) => done(refused('blocked')),
          onRefused: (_message, { code }) => void told.push(code),
          logger,
        });
      system.answer = answering({ action: 'hold' });
      await send(serving().messaging, 'look', 1);
      const [held] = await heldOf(serving().messaging);
      assert.ok(held !== undefined);
      const failing = refusing(() => Promise.reject(new Error('no answer')));
      assert.equal((await failing.decide(held.id, 'allow'))?.receipt?.outcome, 'refused');
      assert.deepEqual(told, []);
      const settle = (id: ProducerId): Promise<boolean> => store.held.settle(id);
      await Promise.all([refusing(settle).look(), refusing(settle).look()]);
      assert.deepEqual(told, [CODES.blocked.code]);
    });

    test('when too many wait, a message is refused and its sender is told so', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'hold' });
      for (let i = 1; i <= HELD.mostOfSender; i++)
        assert.equal(
          codeOf(await send(messaging, `text ${i}`, 1, { producer: `${producer}-${i}` as ProducerId })),
          CODES.held.code,
        );
      assert.equal(codeOf(await send(messaging, 'one more', 1)), CODES.tooManyHeld.code);
      assert.equal((await heldOf(messaging)).length, HELD.mostOfSender);
    });

    test('a scheduled message that is held is listed as such, and stored once when it is allowed', async () => {
      const { messaging } = serving();
      system.answer = answering({ action: 'hold' });
      await messaging.scheduling.add({
        ...{ actor: alice, to: inboxOf(bob.userId), when: { afterMs: 0 } },
        content: contentOf({ texts: ['later'] }),
      });
      await messaging.scheduled.look();
      await messaging.scheduled.stop();
      const listed = await store.scheduled.list(alice.userId);
      assert.deepEqual(
        listed.map(({ refused }) => refused?.code),
        [CODES.held.code],
      );
      const [held] = await heldOf(messaging);
      await messaging.held.decide(held?.id ?? ('' as ProducerId), 'allow');
      assert.deepEqual(await textsOf(bob), ['later']);
    });

    const messaging0 = (): Messaging => createMessaging({ store, membership, rpc, logger });
  });
