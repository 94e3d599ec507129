/** Sends through real stores, with sensitive words that change between a send and its repetition. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { TimingWheel, TurnFlusher } from '@cim/channel';
import { openEmbeddedMembership } from '@cim/discovery';
import {
  cim,
  CODES,
  decodeContent,
  inboxOf,
  messageId,
  type NamedUser,
  parseUserName,
  type ProducerId,
  type Seq,
} from '@cim/protocol';
import { RpcClient } from '@cim/rpc';
import { silentLogger, silentObserver } from '@cim/runtime';
import { openEmbeddedStore, openRedisStore, type Store } from '@cim/store';
import { RedisProcess } from '@cim/testkit';
import { createMessaging, type Messaging } from '../messaging.ts';
import type { SendReceipt, SendRequest } from '../send-request.ts';
import { type SensitiveWord, WordMatcher } from './word-matcher.ts';
import { Words } from './words.ts';

const logger = silentLogger();
const rpc = new RpcClient({ secret: 's', flusher: new TurnFlusher(), wheel: new TimingWheel(), logger });
const membership = openEmbeddedMembership();
after(() => rpc.stop());

for (const engine of ['LevelDB', 'Redis'] as const)
  describe(`sensitive words on ${engine}`, { concurrency: false }, () => {
    let dir: string;
    let redis: RedisProcess | undefined;
    let store: Store;
    let messaging: Messaging;
    let alice: NamedUser;
    let bob: NamedUser;
    let producer: ProducerId;
    let names = 0;
    const file = { matcher: undefined as unknown as WordMatcher };
    let counted: string[];
    const setWords = async (action: SensitiveWord['action'], ...words: string[]): Promise<void> => {
      file.matcher = await WordMatcher.of(words.map((text) => ({ text, action })));
    };
    before(async () => {
      dir = await mkdtemp(join(tmpdir(), 'cim-words-'));
      redis = engine === 'Redis' ? await RedisProcess.start() : undefined;
      store =
        redis === undefined
          ? await openEmbeddedStore({ dir, logger })
          : await openRedisStore({ url: redis.url, durability: 'disk', logger });
      const observer = {
        ...silentObserver,
        moderated: (by: string, outcome: string) => void counted.push(`${by} ${outcome}`),
      };
      const words = new Words({ file, observer, logger });
      messaging = createMessaging({ store, membership, rpc, logger, moderation: { words, problems: [] } });
    });
    after(async () => {
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
    });

    const contentOf = (content: cim.Content.$Properties): Uint8Array => cim.Content.encode(content).finish();
    const send = (text: string, counter: number, more: Partial<SendRequest> = {}): Promise<SendReceipt> =>
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
    const textsOf = async (reader: NamedUser): Promise<string[]> => {
      const entries = await store.streams.read(inboxOf(reader.userId), 1 as Seq, 1_000);
      return entries.map(({ content }) => decodeContent(content)?.texts.join() ?? '');
    };
    const codeOf = (receipt: SendReceipt): string =>
      receipt.outcome === 'refused' ? receipt.code : receipt.outcome;

    test('a word that is refused is not stored, and takes no number', async () => {
      await setWords('refuse', 'bad');
      assert.equal(codeOf(await send('b-a-d', 1)), CODES.moderated.code);
      assert.equal(codeOf(await send('good', 1)), 'stored');
      assert.deepEqual([await textsOf(bob), await textsOf(alice)], [['good'], ['good']]);
      assert.deepEqual(counted, ['words refused']);
    });

    test('a masked word is stored masked on both sides and marked, and the receipt has what was stored', async () => {
      await setWords('mask', 'bad');
      const receipt = await send('a BAD day', 1);
      assert.equal(receipt.outcome, 'stored');
      assert.deepEqual(decodeContent(receipt.content ?? new Uint8Array())?.texts, ['a *** day']);
      assert.deepEqual([await textsOf(bob), await textsOf(alice)], [['a *** day'], ['a *** day']]);
      const [entry] = await store.streams.read(inboxOf(bob.userId), 1 as Seq, 1);
      assert.equal(decodeContent(entry?.content ?? new Uint8Array())?.changed, true);
      const plain = await send('a good day', 2);
      assert.equal(plain.outcome === 'stored' && plain.content, undefined);
    });

    test('a word that is flagged is stored as it is, and counted', async () => {
      await setWords('flag', 'bad');
      assert.equal(codeOf(await send('bad', 1)), 'stored');
      assert.deepEqual([await textsOf(bob), counted], [['bad'], ['words flagged']]);
    });

    test('a client cannot mark a content as changed', async () => {
      await setWords('mask');
      const forged = await send('', 1, { content: contentOf({ texts: ['x'], changed: true }) });
      assert.equal(codeOf(forged), CODES.invalid.code);
    });

    test('texts of edits, of reactions and of contents with a type are checked too', async () => {
      await setWords('refuse', 'bad');
      assert.equal(codeOf(await send('fine', 1)), 'stored');
      const ref = messageId(alice.userId, producer, 1);
      for (const content of [
        { type: 'edit', ref, texts: ['bad'] },
        { type: 'reaction', ref, texts: ['bad'] },
        { type: 'poll', texts: ['fine', 'bad'], body: new Uint8Array([1]) },
      ])
        assert.equal(codeOf(await send('', 2, { content: contentOf(content) })), CODES.moderated.code);
      assert.equal(
        codeOf(await send('', 2, { content: contentOf({ type: 'edit', ref, texts: ['better'] }) })),
        'stored',
      );
    });

    test('a repeated send is answered as stored and stored once, whatever the words are by then', async () => {
      for (const [first, then] of [
        ['mask', 'refuse'],
        ['mask', 'flag'],
        ['flag', 'mask'],
        ['flag', 'refuse'],
      ] as const) {
        [alice, bob] = [await register(), await register()];
        await setWords(first, 'bad');
        for (const counter of [1, 2, 3])
          assert.equal(codeOf(await send(`bad ${counter}`, counter)), 'stored');
        const stored = await textsOf(bob);
        await setWords(then, 'bad');
        for (const counter of [1, 2, 3])
          assert.equal(
            codeOf(await send(`bad ${counter}`, counter, { again: true })),
            'stored',
            `${first} ${then} ${counter}`,
          );
        await setWords('mask');
        for (const counter of [3, 2, 1])
          assert.equal(codeOf(await send(`bad ${counter}`, counter, { again: true })), 'stored');
        assert.deepEqual([await textsOf(bob), await textsOf(alice)], [stored, stored]);
      }
    });

    test('a refused send that is repeated when its word is allowed is stored at most once', async () => {
      await setWords('refuse', 'bad');
      assert.equal(codeOf(await send('bad', 1)), CODES.moderated.code);
      assert.equal(codeOf(await send('bad', 1, { again: true })), CODES.moderated.code);
      await setWords('mask');
      // It was refused for good: its sender numbers it anew.
      assert.equal(codeOf(await send('bad', 1, { again: true })), 'unknown-producer');
      assert.deepEqual(await textsOf(bob), []);
    });

    test('a client that was set back is not told that another message is stored, also where the words changed the first', async () => {
      await setWords('mask', 'bad');
      for (const counter of [1, 2]) assert.equal(codeOf(await send(`bad ${counter}`, counter)), 'stored');
      assert.equal(codeOf(await send('another', 1)), 'unknown-producer');
      assert.equal(codeOf(await send('another', 2)), CODES.invalid.code);
      assert.deepEqual(await textsOf(bob), ['*** 1', '*** 2']);
    });

    test('the same Idempotency-Key gets the same answer, whatever the words are by then', async () => {
      const keyed = (text: string): Promise<SendReceipt> =>
        messaging.sends
          .sendKeyed({
            ...{ door: 'v1', actor: alice, to: inboxOf(bob.userId), key: 'k' },
            content: contentOf({ texts: [text] }),
          })
          .then(({ receipt }) => receipt);
      await setWords('mask', 'bad');
      assert.equal(codeOf(await keyed('bad')), 'stored');
      for (const action of ['refuse', 'flag', 'mask'] as const) {
        await setWords(action, 'bad');
        assert.equal(codeOf(await keyed('bad')), 'stored', action);
      }
      assert.equal(codeOf(await keyed('good')), CODES.invalid.code);
      assert.deepEqual(await textsOf(bob), ['***']);
    });

    test('a scheduled message is checked when its time has come: its sender is told of the refusal', async () => {
      await setWords('mask');
      await messaging.scheduling.add({
        ...{ actor: alice, to: inboxOf(bob.userId), when: { afterMs: 0 } },
        content: contentOf({ texts: ['bad'] }),
      });
      await setWords('refuse', 'bad');
      await messaging.scheduled.look();
      await messaging.scheduled.stop();
      assert.deepEqual(
        (await store.scheduled.list(alice.userId)).map(({ refused }) => refused?.code),
        [CODES.moderated.code],
      );
      assert.deepEqual(await textsOf(bob), []);
    });
  });
