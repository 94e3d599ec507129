/** Sends, receipts, duplicates and contents on our own wire. */
import assert from 'node:assert/strict';
import { newProducer } from '../names.ts';
import type { RuleIn } from '../rule.ts';
import { contentOf, type Fields } from './frames.ts';
import { ANSWER, OUTCOME, type OwnConnection, type OwnWorld, REASON, textsOf } from './own-world.ts';

const send = 'protocol.md#send';
const repeated = 'protocol.md#sends-that-are-repeated';
const contents = 'protocol.md#contents';
const asks = 'protocol.md#ask';

/** Sends these fields and answers what the receipt says beside the fields that name the send. */
async function answered(connection: OwnConnection, fields: Fields): Promise<Fields> {
  connection.say('send', fields);
  const { to, group, producer, counter, ...said } = await connection.hears('receipt');
  assert.deepEqual(
    { to, group, producer, counter },
    {
      to: fields['to'],
      group: fields['group'],
      producer: fields['producer'],
      counter: fields['counter'],
    },
    'what the receipt answers',
  );
  return said;
}

/** Outcome and code of a send. */
async function outcomeOf(connection: OwnConnection, fields: Fields): Promise<unknown[]> {
  const { outcome, code } = await answered(connection, fields);
  return [outcome, code];
}

const STORED = [OUTCOME.stored, undefined];
const refused = (code: string) => [OUTCOME.refused, code];

export const OWN_SEND_RULES: readonly RuleIn<OwnWorld>[] = [
  {
    name: 'own/send/one-receipt-each',
    says: 'Each send is answered by one receipt, which names it by recipient, producer and counter; the seqs of one stream ascend.',
    where: send,
    check: async ({ online, user }) => {
      const [{ connection }, to] = [await online(), (await user()).userId];
      const sends = Array.from({ length: 20 }, (_, i) => connection.sendTexts({ to }, [`${i}`]));
      const receipts: Fields[] = [];
      for (const { counter } of sends) {
        const receipt = await connection.hears('receipt');
        assert.deepEqual(
          [receipt['outcome'], receipt['counter'], receipt['to']],
          [OUTCOME.stored, counter, to],
        );
        receipts.push(receipt);
      }
      assert.deepEqual(
        receipts.map(({ seq }) => seq),
        sends.map((_, i) => i + 1),
      );
      assert.deepEqual(await connection.before(), []);
    },
  },
  {
    name: 'own/send/gap',
    says: 'A send whose counter is not the next one is answered by `GAP` with the last counter that is stored.',
    where: send,
    check: async ({ online, user }) => {
      const [{ connection }, to, producer] = [await online(), (await user()).userId, newProducer()];
      const content = { texts: ['x'] };
      assert.deepEqual(await outcomeOf(connection, { to, producer, counter: 1, content }), STORED);
      const { outcome, last } = await answered(connection, { to, producer, counter: 3, content });
      assert.deepEqual([outcome, last], [OUTCOME.gap, 1]);
      assert.deepEqual(await outcomeOf(connection, { to, producer, counter: 2, content }), STORED);
    },
  },
  {
    name: 'own/send/refused-uses-no-counter',
    says: 'A refused send does not use up its counter: the next message of the producer and stream takes the same number.',
    where: send,
    check: async ({ online, user }) => {
      const [{ connection }, to, producer] = [await online(), (await user()).userId, newProducer()];
      const rows: [Fields, unknown[]][] = [
        [{ texts: [] }, refused('3000')],
        [{ texts: ['x'.repeat(8 * 1024 + 1)] }, refused('3000')],
        [{ texts: ['x'] }, STORED],
      ];
      for (const [content, expected] of rows)
        assert.deepEqual(await outcomeOf(connection, { to, producer, counter: 1, content }), expected);
      const next = { to, producer, counter: 2, content: { texts: ['y'] } };
      assert.deepEqual(await outcomeOf(connection, next), STORED);
    },
  },
  {
    name: 'own/send/unknown-recipient-9100',
    says: 'A send to a user who does not exist is refused with 9100, one to a group that does not exist with 9200.',
    where: send,
    check: async ({ online }) => {
      const { connection } = await online();
      const rest = { producer: newProducer(), counter: 1, content: { texts: ['x'] } };
      assert.deepEqual(await outcomeOf(connection, { to: 999_999_999, ...rest }), refused('9100'));
      assert.deepEqual(await outcomeOf(connection, { group: '999999999', ...rest }), refused('9200'));
    },
  },
  {
    name: 'own/copies/receipt-delivers-copy',
    says: "A receipt with `copy` delivers the copy in the sender's own inbox: no `deliver` follows, and a cursor with its id is one.",
    where: 'protocol.md#both-sides-of-a-conversation',
    check: async ({ online, again, user: newUser }) => {
      const [{ user, login, connection }, to] = [await online(), (await newUser()).userId];
      const { copy } = await connection.stores({ to }, 'x');
      assert.equal(copy, 1, 'the position of the first copy');
      assert.deepEqual(await connection.before(), []);
      const id = `${user.userId}:${connection.producer}>${to}:1`;
      const { connection: next, resumed } = await again(user, login, [{ seq: 1, id }]);
      const [inbox] = resumed['streams'] as readonly Fields[];
      assert.deepEqual([inbox?.['answer'], inbox?.['to'], inbox?.['id']], [ANSWER.continue, 1, id]);
      assert.deepEqual(await next.before(), []);
    },
  },
  {
    name: 'own/copies/without-cursor-comes-by-itself',
    says: 'Without `copy` in its receipt the copy comes as an ordinary entry, whose producer is `<producer>><recipient>`.',
    where: 'protocol.md#both-sides-of-a-conversation',
    check: async ({ user, logIn, connect }) => {
      const [person, to] = [await user(), (await user()).userId];
      const connection = await connect(person, await logIn(person));
      const { copy } = await connection.stores({ to }, 'x');
      assert.equal(copy, undefined, 'before `resume` no copy is delivered');
      connection.say('resume', { cursors: [{ seq: 0, id: '-' }] });
      const [entry] = await connection.entries(1);
      assert.deepEqual([entry?.sender, entry?.producer], [person.userId, `${connection.producer}>${to}`]);
    },
  },
  {
    name: 'own/duplicates/same-content-stored-once',
    says: 'A send that is repeated with the same content is `STORED` again, and stored and delivered once; on a later connection too.',
    where: repeated,
    check: async ({ online, again }) => {
      const [from, to] = [await online(), await online()];
      const fields = {
        to: to.user.userId,
        producer: newProducer(),
        counter: 1,
        content: { texts: ['once'] },
      };
      assert.deepEqual(await outcomeOf(from.connection, fields), STORED);
      assert.deepEqual(await outcomeOf(from.connection, { ...fields, again: true }), STORED);
      const { connection } = await again(from.user, from.login);
      assert.deepEqual(await outcomeOf(connection, { ...fields, again: true }), STORED);
      await connection.stores({ to: to.user.userId }, 'end');
      assert.deepEqual(textsOf(await to.connection.entries(2)), ['once', 'end']);
    },
  },
  {
    name: 'own/duplicates/other-content-3000',
    says: 'A counter that is used again with another content is refused with 3000, and nothing of it is delivered.',
    where: repeated,
    check: async ({ online }) => {
      const [{ connection }, to] = [await online(), await online()];
      const fields = { to: to.user.userId, producer: newProducer(), counter: 1 };
      assert.deepEqual(await outcomeOf(connection, { ...fields, content: { texts: ['one'] } }), STORED);
      const other = { ...fields, again: true, content: { texts: ['another'] } };
      assert.deepEqual(await outcomeOf(connection, other), refused('3000'));
      await connection.stores({ to: to.user.userId }, 'end');
      assert.deepEqual(textsOf(await to.connection.entries(2)), ['one', 'end']);
    },
  },
  {
    name: 'own/duplicates/unknown-producer',
    says: 'A producer of which the store has no record begins with counter 1; a higher counter is `UNKNOWN_PRODUCER`, and nothing is stored.',
    where: repeated,
    check: async ({ online }) => {
      const [{ connection }, to] = [await online(), await online()];
      const fields = { to: to.user.userId, producer: newProducer(), content: { texts: ['x'] } };
      const { outcome } = await answered(connection, { ...fields, counter: 2 });
      assert.equal(outcome, OUTCOME.unknownProducer);
      await connection.stores({ to: to.user.userId }, 'end');
      assert.deepEqual(textsOf(await to.connection.entries(1)), ['end']);
    },
  },
  {
    name: 'own/contents/bad-type-9400',
    says: 'A type whose name is none, and one that servers alone write, is refused with 9400.',
    where: contents,
    check: async ({ online, user }) => {
      const [{ connection }, to] = [await online(), (await user()).userId];
      const rest = { to, producer: newProducer(), counter: 1 };
      for (const type of ['Json', '1a', 'a b', 'x'.repeat(65), 'member'])
        assert.deepEqual(
          await outcomeOf(connection, { ...rest, content: { type, body: Buffer.from('{}') } }),
          refused('9400'),
          type,
        );
    },
  },
  {
    name: 'own/contents/bytes-unchanged',
    says: "Servers forward the bytes of a content: of `json`, of an integrator's type, and of a reply.",
    where: contents,
    check: async ({ online }) => {
      const [{ connection }, to] = [await online(), await online()];
      const rest = { to: to.user.userId, producer: newProducer() };
      const rows: Fields[] = [
        { type: 'json', body: Buffer.from('{"a": [1, "李雷"]}') },
        { type: 'acme.order-1_x', body: Buffer.from([0, 255, 7, 128]) },
        { texts: ['a reply'], ref: `${to.user.userId}:AAAAAAAAAAAAAAAA:1` },
      ];
      for (const [i, content] of rows.entries())
        assert.deepEqual(await outcomeOf(connection, { ...rest, counter: i + 1, content }), STORED);
      const entries = await to.connection.entries(rows.length);
      const came = entries.map((entry) => contentOf(entry.content));
      assert.deepEqual(came, rows);
    },
  },
  {
    name: 'own/contents/level-0-is-sent-07',
    says: 'A client of level 0 is sent the content byte `07` in place of what it would not understand, and texts as they are.',
    where: 'protocol.md#log-in',
    check: async ({ online }) => {
      const [{ connection }, to] = [await online(), await online([{}], 0)];
      const rest = { to: to.user.userId, producer: newProducer() };
      const json = { type: 'json', body: Buffer.from('{}') };
      assert.deepEqual(await outcomeOf(connection, { ...rest, counter: 1, content: json }), STORED);
      const texts = { texts: ['x'] };
      assert.deepEqual(await outcomeOf(connection, { ...rest, counter: 2, content: texts }), STORED);
      const [first, second] = await to.connection.entries(2);
      assert.deepEqual(first?.content, Buffer.from([7]));
      assert.ok(second);
      assert.deepEqual(textsOf([second]), ['x']);
    },
  },
  {
    name: 'own/groups/sender-too',
    says: 'An entry of a group goes to every session that follows it, that of its sender included.',
    where: 'protocol.md#receive',
    check: async ({ online }) => {
      const lobby = [{}, { group: 'lobby' }];
      const [from, to] = [await online(lobby), await online(lobby)];
      await from.connection.stores({ group: 'lobby' }, 'to all');
      for (const { connection } of [from, to]) {
        const [entry] = await connection.entries(1, 'lobby');
        assert.ok(entry);
        assert.deepEqual([entry.producer, ...textsOf([entry])], [from.connection.producer, 'to all']);
      }
    },
  },
  {
    name: 'own/signals/typing',
    says: 'A `TYPING` signal goes to the live sessions of its recipient, with its sender.',
    where: 'protocol.md#signals',
    check: async ({ online }) => {
      const [from, to] = [await online(), await online()];
      from.connection.say('signal', { to: to.user.userId });
      const { userId, userName } = from.user;
      const { kind, sender, senderName } = await to.connection.hears('signal');
      assert.deepEqual(
        { kind, sender, senderName },
        { kind: undefined, sender: userId, senderName: userName },
      );
    },
  },
  {
    name: 'own/signals/of-servers-106',
    says: 'A signal that only servers send closes the channel with 106.',
    where: 'protocol.md#signals',
    check: async ({ online, user }) => {
      for (const kind of [1, 2, 3]) {
        const { connection } = await online();
        connection.say('signal', { kind, to: (await user()).userId });
        assert.equal(await connection.closeReason(), REASON.protocolError, `kind ${kind}`);
      }
    },
  },
  {
    name: 'own/asks/counters',
    says: '`counters` is answered by the same list, with the counters that the store has.',
    where: asks,
    check: async ({ online, user }) => {
      const [{ connection }, to] = [await online(), (await user()).userId];
      await connection.stores({ to }, '1');
      const { seq } = await connection.stores({ to }, '2');
      const { producer } = connection;
      connection.say('counters', { counters: [{ to, producer, counter: 2, seq }] });
      const { counters } = await connection.hears('counters');
      const [first, ...more] = counters as readonly Record<string, unknown>[];
      assert.deepEqual([first?.['to'], first?.['producer'], first?.['counter'], more], [to, producer, 2, []]);
    },
  },
  {
    name: 'own/asks/find',
    says: '`find` is answered by `found` with the highest counter of the producer in the stream, 0 for none.',
    where: asks,
    check: async ({ online, user }) => {
      const [{ connection }, to] = [await online(), (await user()).userId];
      const { producer } = connection;
      await connection.stores({ to }, '1');
      await connection.stores({ to }, '2');
      connection.say('find', { to, producer });
      assert.deepEqual(await connection.hears('found'), { to, producer, last: 2 });
      const other = newProducer();
      connection.say('find', { to, producer: other });
      assert.deepEqual(await connection.hears('found'), { to, producer: other });
    },
  },
  {
    name: 'own/asks/delivered-of-own-messages-only',
    says: '`delivered` asks how far messages of the asker are acked; about the messages of others there is no answer.',
    where: asks,
    check: async ({ online }) => {
      const [ann, ben, to] = [await online(), await online(), await online()];
      const { seq } = await ann.connection.stores({ to: to.user.userId }, 'x');
      await to.connection.entries(1);
      to.connection.say('ack', { seq });
      await ann.connection.hearsAcked(to.user.userId, Number(seq));
      ben.connection.say('delivered', { to: to.user.userId, seq });
      // The server works on several questions at once; this one is asked later and reads more.
      ben.connection.say('find', { to: to.user.userId, producer: ben.connection.producer });
      await ben.connection.hears('found');
      assert.deepEqual(await ben.connection.before(), []);
    },
  },
  {
    name: 'own/asks/impossible-106',
    says: 'A question about a stream, a producer, a user or a seq that cannot be closes the channel with 106.',
    where: 'protocol.md#stay-connected',
    check: async ({ online }) => {
      const producer = newProducer();
      const rows = [
        ['find', { producer }],
        ['find', { to: 1, producer: 'x' }],
        ['counters', { counters: [{ producer, counter: 1 }] }],
        ['delivered', { seq: 1 }],
        ['delivered', { to: 1, seq: 2 ** 53 }],
      ] as const;
      for (const [body, fields] of rows) {
        const { connection } = await online();
        connection.say(body, fields);
        assert.equal(
          await connection.closeReason(),
          REASON.protocolError,
          `${body} ${JSON.stringify(fields)}`,
        );
      }
    },
  },
];
