/** Resumes, deliveries and acks on our own wire. */
import assert from 'node:assert/strict';
import type { RuleIn } from '../rule.ts';
import { ANSWER, idOf, OUTCOME, type OwnConnection, type OwnWorld, REASON, textsOf } from './own-world.ts';

const receive = 'protocol.md#receive';
const resume = 'protocol.md#resume';
const stay = 'protocol.md#stay-connected';
/** Entries of a stream that may be without an ack. */
const WINDOW = 256;

/** Sends texts in one go and waits for all receipts. */
async function storeAll(from: OwnConnection, to: number, texts: readonly string[]): Promise<void> {
  for (const text of texts) from.sendTexts({ to }, [text]);
  for (const text of texts)
    assert.equal((await from.hears('receipt'))['outcome'], OUTCOME.stored, `the receipt of ${text}`);
}

export const OWN_STREAM_RULES: readonly RuleIn<OwnWorld>[] = [
  {
    name: 'own/resume/nothing-before-resume',
    says: 'Nothing is delivered before `resume`, and a stream that it does not name is not delivered.',
    where: receive,
    check: async ({ user, logIn, connect, online }) => {
      const [{ connection: from }, to] = [await online(), await user()];
      await from.stores({ to: to.userId }, 'x');
      const connection = await connect(to, await logIn(to));
      assert.deepEqual(await connection.before(), []);
      connection.say('resume', { cursors: [{ group: 'lobby' }] });
      await connection.hears('resumed');
      assert.deepEqual(await connection.before(), []);
    },
  },
  {
    name: 'own/resume/continue-names-cursor',
    says: '`resumed` answers each stream of `resume`; `CONTINUE` has the cursor to present next time, whose id is `-` with `to` 0.',
    where: resume,
    check: async ({ online }) => {
      const { resumed } = await online([{}, { group: 'lobby' }]);
      const streams = resumed['streams'] as readonly Record<string, unknown>[];
      assert.deepEqual(
        streams.map(({ group, answer }) => ({ group, answer })),
        [
          { group: undefined, answer: ANSWER.continue },
          { group: 'lobby', answer: ANSWER.continue },
        ],
      );
      const [inbox] = streams;
      assert.deepEqual([inbox?.['to'], inbox?.['id']], [undefined, '-'], 'the inbox of a new user');
    },
  },
  {
    name: 'own/resume/after-the-cursor',
    says: 'With a cursor the stream goes on after it: nothing before is delivered again, acked or not.',
    where: resume,
    check: async ({ online, again }) => {
      const [{ connection: from }, to] = [await online(), await online()];
      await storeAll(from, to.user.userId, ['1', '2', '3']);
      const [first] = await to.connection.entries(3);
      assert.ok(first);
      const cursor = { seq: first.seq, id: idOf(first) };
      const { connection, resumed } = await again(to.user, to.login, [cursor]);
      const [inbox] = resumed['streams'] as readonly Record<string, unknown>[];
      assert.deepEqual(
        [inbox?.['answer'], inbox?.['to'], inbox?.['id']],
        [ANSWER.continue, cursor.seq, cursor.id],
      );
      assert.deepEqual(textsOf(await connection.entries(2)), ['2', '3']);
    },
  },
  {
    name: 'own/resume/lost-cursor-reset',
    says: 'A cursor whose id is not in the log is answered with `RESET`, and the entries from `from` on come.',
    where: resume,
    check: async ({ online, again }) => {
      const [{ connection: from }, to] = [await online(), await online()];
      await storeAll(from, to.user.userId, ['1', '2']);
      await to.connection.entries(2);
      const never = { seq: 1, id: `${to.user.userId}:AAAAAAAAAAAAAAAA:1` };
      const { connection, resumed } = await again(to.user, to.login, [never]);
      const [inbox] = resumed['streams'] as readonly Record<string, unknown>[];
      assert.deepEqual([inbox?.['answer'], inbox?.['from']], [ANSWER.reset, 1]);
      assert.deepEqual(textsOf(await connection.entries(2)), ['1', '2']);
    },
  },
  {
    name: 'own/resume/foreign-group-left-out',
    says: 'A group that the server does not know, or of which the user is no member, is left out of `resumed`, and the channel goes on.',
    where: receive,
    check: async ({ online }) => {
      const { connection, resumed } = await online([{}, { group: '999999999' }, { group: 'x y' }]);
      const streams = resumed['streams'] as readonly Record<string, unknown>[];
      assert.deepEqual(
        streams.map(({ group }) => group),
        [undefined],
      );
      assert.deepEqual(await connection.before(), []);
    },
  },
  {
    name: 'own/resume/second-resume-106',
    says: 'A second `resume` closes the channel with 106.',
    where: receive,
    check: async ({ online }) => {
      const { connection } = await online();
      connection.say('resume', { cursors: [{}] });
      assert.equal(await connection.closeReason(), REASON.protocolError);
    },
  },
  {
    name: 'own/deliver/in-order-without-holes',
    says: '`deliver` carries entries in the order of their seqs and without holes; each names the id of the one before it.',
    where: receive,
    check: async ({ online }) => {
      const [ann, ben, to] = [await online(), await online(), await online()];
      const texts = Array.from({ length: 20 }, (_, i) => `${i}`);
      for (const text of texts)
        await (Number(text) % 3 === 0 ? ann : ben).connection.stores({ to: to.user.userId }, text);
      const entries = await to.connection.entries(texts.length);
      assert.deepEqual(textsOf(entries), texts);
      assert.deepEqual(
        entries.map(({ seq }) => seq),
        texts.map((_, i) => i + 1),
      );
      assert.deepEqual(
        entries.map(({ prev }) => prev),
        [undefined, ...entries.slice(0, -1).map(idOf)],
      );
    },
  },
  {
    name: 'own/deliver/names-its-sender',
    says: 'An entry names its sender, the producer and the counter of the send, and has its content.',
    where: receive,
    check: async ({ online }) => {
      const [from, to] = [await online(), await online()];
      await from.connection.stores({ to: to.user.userId }, 'hello');
      const [entry] = await to.connection.entries(1);
      assert.ok(entry);
      const { sender, senderName, producer, counter } = entry;
      assert.deepEqual(
        { sender, senderName, producer, counter },
        {
          sender: from.user.userId,
          senderName: from.user.userName,
          producer: from.connection.producer,
          counter: 1,
        },
      );
      assert.deepEqual(textsOf([entry]), ['hello']);
    },
  },
  {
    name: 'own/acks/window-of-256',
    says: 'At most 256 entries of a stream are without an ack: the server sends no more until one comes, and then the rest.',
    where: receive,
    check: async ({ online }) => {
      const [{ connection: from }, to] = [await online(), await online()];
      const texts = Array.from({ length: WINDOW + 10 }, (_, i) => `${i}`);
      await storeAll(from, to.user.userId, texts);
      assert.deepEqual(textsOf(await to.connection.entries(WINDOW)), texts.slice(0, WINDOW));
      assert.deepEqual(await to.connection.before(), [], 'without an ack no more than 256');
      to.connection.say('ack', { seq: WINDOW });
      assert.deepEqual(textsOf(await to.connection.entries(10)), texts.slice(WINDOW));
    },
  },
  {
    name: 'own/acks/unacked-comes-again',
    says: 'A session without a cursor goes on after the acked one: what was acked does not come again, and the rest does.',
    where: resume,
    check: async ({ online, again }) => {
      const [{ connection: from }, to] = [await online(), await online()];
      await storeAll(from, to.user.userId, ['1', '2', '3']);
      const [first] = await to.connection.entries(3);
      assert.ok(first);
      to.connection.say('ack', { seq: first.seq });
      await from.hearsAcked(to.user.userId, first.seq);
      const { connection } = await again(to.user, to.login);
      assert.deepEqual(textsOf(await connection.entries(2)), ['2', '3']);
    },
  },
  {
    name: 'own/acks/sender-hears-delivered',
    says: "The sender of a message hears by `delivered` up to which seq the recipient's inbox is acked.",
    where: 'protocol.md#ask',
    check: async ({ online }) => {
      const [{ connection: from }, to] = [await online(), await online()];
      const { seq } = await from.stores({ to: to.user.userId }, 'x');
      await to.connection.entries(1);
      to.connection.say('ack', { seq });
      assert.deepEqual(await from.hears('delivered'), { to: to.user.userId, seq });
    },
  },
  {
    name: 'own/acks/never-sent-106',
    says: 'An ack of an entry that was not sent, or of a stream that is not followed, closes the channel with 106.',
    where: stay,
    check: async ({ online }) => {
      for (const ack of [{ seq: 1 }, { seq: 2 ** 53 - 1 }, { group: 'lobby', seq: 1 }]) {
        const { connection } = await online();
        connection.say('ack', ack);
        assert.equal(await connection.closeReason(), REASON.protocolError, JSON.stringify(ack));
      }
    },
  },
  {
    name: 'own/acks/again-after-24s-unless-held',
    says: 'An entry without an ack comes again after 24 s, and one that the client holds does not.',
    where: receive,
    slow: true,
    check: async ({ online }) => {
      const [{ connection: from }, careless, holder] = [await online(), await online(), await online()];
      const begun = performance.now();
      await from.stores({ to: careless.user.userId }, 'again');
      await from.stores({ to: holder.user.userId }, 'held');
      const [[entry], [held]] = await Promise.all([
        careless.connection.entries(1),
        holder.connection.entries(1),
      ]);
      holder.connection.say('ack', { held: held?.seq });
      const pings = setInterval(() => {
        for (const { connection } of [careless, holder]) connection.say('ping');
      }, 5_000);
      try {
        const repeated = await careless.connection.next(
          'the entry again',
          ({ body }) => body === 'deliver',
          45_000,
        );
        const entries = repeated.fields['entries'] as unknown as (typeof entry)[];
        assert.deepEqual(entries, [entry]);
        const after = performance.now() - begun;
        assert.ok(after > 20_000, `24 s are expected, it came again after ${after} ms`);
        const others = holder.connection.unread.filter(({ body }) => body !== 'pong');
        assert.deepEqual(others, [], 'what is held does not come again');
      } finally {
        clearInterval(pings);
      }
    },
  },
];
