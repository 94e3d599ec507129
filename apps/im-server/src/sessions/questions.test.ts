import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  CIM_DEVICE,
  cim,
  type Epoch,
  type InstanceId,
  inboxOf,
  messageId,
  type NamedUser,
  type ProducerId,
  parseUserName,
  type Seq,
  type StreamRef,
} from '@cim/protocol';
import { silentLogger } from '@cim/runtime';
import { LogScans, openEmbeddedStore, RETENTION, type Store, type Streams } from '@cim/store';
import { until } from '@cim/testkit';
import { Questions } from './questions.ts';

const P = 'producer-of-tests' as ProducerId;
const OTHER = 'another-of-tests-' as ProducerId;
const WINDOW = 4;
const KEPT = 16;

describe('questions of a client about its own sends', () => {
  let dir: string;
  let store: Store;
  let users = 0;
  let alice: NamedUser;
  let bob: NamedUser;
  let inbox: StreamRef;
  let bobsEpoch: Epoch;
  const frames: cim.Frame.$Properties[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cim-questions-'));
    const limits = { ...RETENTION, producerEntries: WINDOW, maxEntries: KEPT };
    store = await openEmbeddedStore({ dir, logger: silentLogger(), limits });
  });
  after(async () => {
    await store.stop();
    await rm(dir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    frames.splice(0);
    const newUser = async (): Promise<NamedUser> => {
      const name = parseUserName(`user-${String(users++)}`);
      assert.ok(name.ok);
      return (await store.accounts.register(name.name)).account;
    };
    [alice, bob] = [await newUser(), await newUser()];
    inbox = inboxOf(bob.userId);
    const instance = 'instance-of-tests' as InstanceId;
    const issued = await store.sessions.issue({
      user: bob,
      device: CIM_DEVICE,
      label: '',
      instance,
      policy: 'kick',
      secretHash: '',
    });
    assert.equal(issued.outcome, 'issued');
    bobsEpoch = issued.epoch;
  });

  const questionsOf = (user: NamedUser, streams: Streams = store.streams): Questions =>
    new Questions(user.userId, streams, new LogScans(streams), (frame) => frames.push(frame));
  const send = async (sender: NamedUser, counter: number, producer = P): Promise<void> => {
    const { outcome } = await new Promise<{ outcome: string }>((done) =>
      store.streams.append(
        {
          stream: inbox,
          sender,
          producer,
          counter,
          digest: `d${String(counter)}`,
          content: new Uint8Array(3),
        },
        done,
      ),
    );
    assert.equal(outcome, 'ok');
  };
  const ack = async (seq: number): Promise<void> => {
    const entry = await store.streams.peek(inbox, seq as Seq);
    const id = messageId(entry?.sender.userId ?? bob.userId, entry?.producer ?? P, entry?.counter ?? 0);
    await store.streams.ack([
      {
        user: bob.userId,
        device: CIM_DEVICE,
        epoch: bobsEpoch,
        stream: inbox,
        cursor: { seq: seq as Seq, id },
      },
    ]);
    assert.equal((await store.streams.cursor(bob.userId, CIM_DEVICE, inbox))?.seq, seq);
  };
  /** Appends messages of another user. Each is acked, so that the log goes on. */
  const fill = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await send(bob, 1, `filler-${String(Math.random()).slice(2).padEnd(16, '0')}` as ProducerId);
      await ack((await store.streams.position(inbox)).top);
    }
  };
  /**
   * The answer to the last question, or undefined when it got none. The answer to a later question shows that
   * none will come.
   */
  const answerTo = async (ask: (questions: Questions) => boolean, of = alice) => {
    const questions = questionsOf(of);
    assert.ok(ask(questions));
    await until('it is answered or was dropped', () => frames.length > 0 || questions.open === 0);
    return frames.pop();
  };

  describe('delivered', () => {
    const ask = (seq: number, of = alice) =>
      answerTo((questions) => questions.delivered(new cim.Delivered({ to: bob.userId, seq })), of);

    test('names the message asked about once it is acked, and no later one', async () => {
      await send(alice, 1);
      await send(bob, 1);
      await send(bob, 2);
      assert.equal(await ask(1), undefined);
      await ack(3);
      assert.deepEqual(await ask(1), { delivered: { to: bob.userId, seq: 1 } });
    });

    test('names the newest acked message of the asker, and does not reveal the cursor of the inbox', async () => {
      await send(alice, 1);
      await send(bob, 1);
      await send(bob, 2);
      await send(alice, 2);
      await ack(3);
      assert.deepEqual(await ask(4), { delivered: { to: bob.userId, seq: 1 } });
    });

    test('answers nothing about messages of others, or about positions without an entry', async () => {
      const carol = alice;
      await send(bob, 1);
      await send(bob, 2);
      await ack(2);
      for (const seq of [0, 1, 2, 3, Number.MAX_SAFE_INTEGER]) assert.equal(await ask(seq, carol), undefined);
    });
  });

  describe('counters', () => {
    const ask = async (counter: number, seq: number, producer = P) => {
      const answer = await answerTo((questions) =>
        questions.counters(new cim.Counters({ counters: [{ to: bob.userId, producer, counter, seq }] })),
      );
      const has = answer?.counters?.counters?.[0];
      return [has?.counter, has?.unknown ?? false];
    };

    test('come from the record while the producer is remembered', async () => {
      await send(alice, 1);
      await send(alice, 2);
      assert.deepEqual(await ask(2, 2), [2, false]);
      assert.deepEqual(await ask(7, 7), [2, false]);
      assert.deepEqual(await ask(3, 9, OTHER), [0, false], 'the stream never had it');
    });

    test('of a forgotten producer come from the entry itself if it is there', async () => {
      await send(alice, 1);
      await fill(2 * WINDOW);
      assert.deepEqual(await ask(1, 1), [1, false]);
    });

    test('of a forgotten producer are no loss when the entry was trimmed, or when no position is given', async () => {
      await send(alice, 1);
      await fill(KEPT + WINDOW);
      assert.ok((await store.streams.position(inbox)).first > 1);
      assert.deepEqual(await ask(1, 1), [1, true]);
      assert.deepEqual(await ask(1, 0), [1, true]);
    });

    test('of a log that went back are a loss: another entry is there, or none', async () => {
      await send(alice, 1);
      await fill(2 * WINDOW);
      assert.deepEqual(await ask(1, 2), [0, false]);
      assert.deepEqual(await ask(2, 1), [0, false]);
      assert.deepEqual(await ask(1, 1, OTHER), [0, false]);
      assert.deepEqual(await ask(1, 1_000), [0, false]);
    });
  });

  describe('find', () => {
    const ask = async (producer = P, of = alice) =>
      (await answerTo((questions) => questions.find(new cim.Find({ to: bob.userId, producer })), of))?.found;

    test('answers the highest counter that the log holds of the asker, although the producer is forgotten', async () => {
      await send(alice, 1);
      await send(alice, 2);
      await send(bob, 1);
      await fill(2 * WINDOW);
      const found = await ask();
      assert.deepEqual([found?.last, found?.oldestAt], [2, 0]);
      assert.equal((await ask(OTHER))?.last, 0);
      assert.equal((await ask(P, bob))?.last, 1, 'of the asker alone');
    });

    test('answers the age of the oldest entry once the log was trimmed', async () => {
      await send(alice, 1);
      await fill(KEPT + 2);
      const { first } = await store.streams.position(inbox);
      const oldest = await store.streams.peek(inbox, first);
      const found = await ask();
      assert.deepEqual([found?.last, found?.oldestAt], [0, oldest?.storedAt]);
    });

    test('is answered one at a time; further ones are dropped', async () => {
      await send(alice, 1);
      let reads = 0;
      let go = (): void => undefined;
      const gate = new Promise<void>((resolve) => (go = resolve));
      const { streams } = store;
      const slow = Object.assign(Object.create(streams) as Streams, {
        read: async (...of: Parameters<Streams['read']>) => {
          reads++;
          await gate;
          return streams.read(...of);
        },
        kept: streams.kept,
      });
      const questions = questionsOf(alice, slow);
      const find = new cim.Find({ to: bob.userId, producer: P });
      for (let i = 0; i < 3; i++) assert.ok(questions.find(find));
      await until('it reads', () => reads === 1);
      assert.ok(questions.find(find));
      go();
      await until('it is answered', () => questions.open === 0);
      assert.deepEqual([frames.length, reads], [1, 1]);
      assert.ok(questions.find(find));
      await until('the next one is answered', () => frames.length === 2);
    });
  });
});
