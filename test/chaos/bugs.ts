/** Bugs of a store or a client. The checker must find each of them. */
import { cim, type GroupId, inboxOf, LOBBY, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import {
  type Append,
  type AppendAnswer,
  type Entry,
  type Groups,
  isCopy,
  type Member,
  type Position,
  type Streams,
} from '@cim/store';
import type { Fault } from './finding.ts';
import { textOf } from './journal.ts';

type Done = (answer: AppendAnswer) => void;

/** Each bug acts once in this many messages. */
const EVERY = 40;

/** The store's streams with some methods replaced. */
const otherwise = (streams: Streams, other: Partial<Streams>): Streams => ({
  append: (...of) => streams.append(...of),
  read: (...of) => streams.read(...of),
  peek: (...of) => streams.peek(...of),
  position: (...of) => streams.position(...of),
  kept: streams.kept,
  positions: (...of) => streams.positions(...of),
  counters: (...of) => streams.counters(...of),
  events: (...of) => streams.events(...of),
  cursor: (...of) => streams.cursor(...of),
  highestCursor: (...of) => streams.highestCursor(...of),
  ack: (...of) => streams.ack(...of),
  markDirty: (...of) => streams.markDirty(...of),
  takeDirty: (...of) => streams.takeDirty(...of),
  ...other,
});

/** Changes every 40th append. */
function appends(
  streams: Streams,
  act: (item: Append, done: Done, append: Streams['append']) => void,
): Streams {
  let count = 0;
  const append: Streams['append'] = (item, done) => streams.append(item, done);
  return otherwise(streams, {
    append: (item, done) => (++count % EVERY === 0 ? act(item, done, append) : append(item, done)),
  });
}

/** Changes the entries that are read, and their form on the wire. */
function reads(streams: Streams, act: (entries: Entry[]) => Entry[]): Streams {
  return otherwise(streams, {
    read: async (...of) => act((await streams.read(...of)).map((entry) => ({ ...entry, wire: undefined }))),
  });
}

const withTexts = (entry: Entry, texts: readonly string[]): Entry => ({
  ...entry,
  content: cim.Content.encode({ texts: [...texts] }).finish(),
});

/** The store's groups with some methods replaced. */
const otherGroups = (groups: Groups, other: Partial<Groups>): Groups => ({
  newId: () => groups.newId(),
  find: (...of) => groups.find(...of),
  member: (...of) => groups.member(...of),
  members: (...of) => groups.members(...of),
  groupsOf: (...of) => groups.groupsOf(...of),
  memberships: (...of) => groups.memberships(...of),
  stays: (...of) => groups.stays(...of),
  areMembers: (...of) => groups.areMembers(...of),
  mark: (...of) => groups.mark(...of),
  markOf: (...of) => groups.markOf(...of),
  follow: (...of) => groups.follow(...of),
  unfollow: (...of) => groups.unfollow(...of),
  settle: () => groups.settle(),
  ...other,
});

/** The entry without content, so that nobody is shown it. */
const emptied = (entry: Entry): Entry => ({
  ...entry,
  content: cim.Content.encode({ type: 'x.nothing' }).finish(),
});

const withoutCopy = (answer: AppendAnswer): AppendAnswer =>
  answer.outcome === 'ok' ? { ...answer, copy: undefined } : answer;

function endsMembership({ content }: Entry): boolean {
  const { type, body } = cim.Content.decode(content);
  if (type !== 'member') return false;
  const { op } = JSON.parse(Buffer.from(body).toString()) as { readonly op: string };
  return op === 'leave' || op === 'remove';
}

/** The producer of a copy, or an entry id with it, as if from another device. */
const strange = <T extends string>(id: T): T =>
  id.replace(/^(\d+:)?(.)(.*>)/, (_, sender = '', first, rest) =>
    [sender, first === 'x' ? 'y' : 'x', rest].join(''),
  ) as T;

/** A bug that is put in on purpose. */
export interface Mutant {
  readonly bug: string;
  /** The checker must find one of these faults. */
  readonly faults: readonly Fault[];
  readonly spoil?: (streams: Streams) => Streams;
  readonly spoilGroups?: (groups: Groups) => Groups;
  /** Streams that one of the clients shows late. */
  readonly late?: (stream: string) => boolean;
  /** Whether no connection is cut meanwhile: a client that reconnects would find the missing entries. */
  readonly still?: boolean;
}

export const mutants: readonly Mutant[] = [
  {
    bug: 'answers stored and stores nothing',
    faults: ['answered stored, not stored'],
    spoil: (streams) =>
      appends(streams, (item, done) => {
        void streams.position(item.stream).then(({ top, topId, shown }) => {
          const seq = (top + 1) as Seq;
          done({ outcome: 'ok', seq, prev: topId, storedAt: Date.now(), n: shown + 1 });
        });
      }),
  },
  {
    bug: 'stores a repeated send again',
    faults: ['stored twice'],
    spoil: (streams) =>
      appends(streams, (item, done, append) => {
        append(item, (answer) => {
          const again = {
            ...item,
            producer: `again-${item.producer}`.slice(0, 60) as ProducerId,
            counter: 0,
          };
          append({ ...again, rememberMs: 1 }, () => done(answer));
        });
      }),
  },
  {
    bug: 'stores a message in another inbox',
    faults: ['misdelivered', 'answered stored, not stored'],
    spoil: (streams) => {
      const inboxes: UserId[] = [];
      return otherwise(streams, {
        append: (item, done) => {
          if (item.stream.kind !== 'inbox') return streams.append(item, done);
          inboxes.push(item.stream.user);
          const other = inboxes.find((user) => item.stream.kind === 'inbox' && user !== item.stream.user);
          const wrong = inboxes.length % EVERY === 0 && other !== undefined;
          const producer = `wrong-${item.producer}`.slice(0, 60) as ProducerId;
          if (!wrong) return streams.append(item, done);
          streams.append({ ...item, stream: inboxOf(other), producer, counter: 0 }, done);
        },
      });
    },
  },
  {
    bug: 'reads over an entry of the log',
    faults: ['lost'],
    spoil: (streams) => {
      let count = 0;
      return reads(streams, (entries) => entries.filter(() => ++count % 4 !== 0));
    },
  },
  {
    bug: 'two messages of one sender change places',
    faults: ['out of order'],
    spoil: (streams) =>
      reads(streams, (entries) => {
        const [first] = entries;
        const second = entries.findIndex((entry, i) => i > 0 && entry.sender.userId === first?.sender.userId);
        const other = entries[second];
        if (first === undefined || other === undefined) return entries;
        const swapped = [...entries];
        swapped[0] = { ...first, content: other.content };
        swapped[second] = { ...other, content: first.content };
        return swapped;
      }),
  },
  {
    bug: "a message carries another sender's name",
    faults: ['misdelivered'],
    spoil: (streams) =>
      reads(streams, (entries) =>
        entries.map((entry) => ({ ...entry, sender: { ...entry.sender, userName: 'somebody' } })),
      ),
  },
  {
    bug: 'a client shows some of a group later than the others do',
    faults: ['groups differ'],
    late: (() => {
      let count = 0;
      return (stream) => stream === 'lobby' && ++count % 10 === 0;
    })(),
  },
  {
    bug: 'shows what nobody sent',
    faults: ['never sent'],
    spoil: (streams) =>
      reads(streams, (entries) =>
        entries.map((entry, i) =>
          i === 0
            ? withTexts(entry, [textOf({ sender: entry.sender.userName, lane: 'lobby', n: 99_999 })])
            : entry,
        ),
      ),
  },
  {
    bug: 'makes no copy of a private message for its sender',
    faults: ['lost'],
    spoil: (streams) =>
      otherwise(
        reads(streams, (entries) => entries.map((entry) => (isCopy(entry) ? emptied(entry) : entry))),
        {
          append: (item, done) => streams.append(item, (answer) => done(withoutCopy(answer))),
        },
      ),
  },
  {
    bug: 'delivers the copy to the device that has sent the message',
    faults: ['shown to its sending device'],
    spoil: (streams) => {
      const entry = <T extends Entry | undefined>(from: T): T =>
        from && { ...from, producer: strange(from.producer), prev: strange(from.prev), wire: undefined };
      const position = (from: Position): Position => ({ ...from, topId: strange(from.topId) });
      const kept: Streams['kept'] = {
        peek: async (...of) => entry(await streams.kept.peek(...of)),
        position: async (...of) => position(await streams.kept.position(...of)),
      };
      return otherwise(streams, {
        append: (item, done) =>
          streams.append(item, (answer) => {
            const without = withoutCopy(answer);
            done('prev' in without ? { ...without, prev: strange(without.prev) } : without);
          }),
        read: async (...of) => (await streams.read(...of)).map(entry),
        peek: async (...of) => entry(await streams.peek(...of)),
        position: async (...of) => position(await streams.position(...of)),
        positions: async (...of) => (await streams.positions(...of)).map(position),
        kept,
      });
    },
  },
  {
    bug: 'goes on feeding a member that was removed',
    faults: ['shown to no member'],
    spoil: (streams) =>
      otherwise(
        reads(streams, (entries) => entries.map((entry) => (endsMembership(entry) ? emptied(entry) : entry))),
        {
          append: (item, done) =>
            streams.append(item, (answer) => {
              const ends = item.operation?.kind === 'remove' || item.operation?.kind === 'leave';
              done(ends && answer.outcome === 'ok' ? { ...answer, followers: [] } : answer);
            }),
        },
      ),
    spoilGroups: (groups) => {
      /** Key: "group user". */
      const was = new Map<string, Member>();
      const inside = new Map<UserId, Set<GroupId>>();
      return otherGroups(groups, {
        member: async (group, user) => {
          const member = (await groups.member(group, user)) ?? was.get(`${group} ${user}`);
          if (member !== undefined) was.set(`${group} ${user}`, member);
          return member;
        },
        groupsOf: async (user) => {
          const all = new Set([...(inside.get(user) ?? []), ...(await groups.groupsOf(user))]);
          inside.set(user, all);
          return [...all];
        },
      });
    },
  },
  {
    bug: 'gives a newcomer what was said before',
    faults: ['shown to no member'],
    spoilGroups: (groups) =>
      otherGroups(groups, {
        member: async (...of) => {
          const member = await groups.member(...of);
          return member && { ...member, joined: 1 as Seq };
        },
      }),
  },
  {
    bug: "one device's ack moves the cursor of another",
    faults: ['lost'],
    spoil: (streams) =>
      otherwise(streams, { cursor: (user, _, stream) => streams.highestCursor(user, stream) }),
  },
  {
    bug: 'a follower is not rung for a group, and never looks',
    faults: ['lost'],
    still: true,
    spoil: (streams) => {
      /** Key: stream. */
      const first = new Map<string, Promise<Position>>();
      const position: Streams['position'] = (stream) => {
        if (stream.kind !== 'group' || stream.group === LOBBY) return streams.position(stream);
        const known = first.get(stream.group) ?? streams.position(stream);
        first.set(stream.group, known);
        return known;
      };
      return otherwise(streams, {
        append: (item, done) =>
          streams.append(item, (answer) =>
            done(answer.outcome === 'ok' && answer.followers ? { ...answer, followers: [] } : answer),
          ),
        position,
        kept: { peek: (...of) => streams.kept.peek(...of), position },
      });
    },
  },
  {
    bug: 'an unread count is one too high',
    faults: ['unread differs'],
    spoil: (streams) => {
      const more = (position: Position): Position => ({ ...position, shown: position.shown + 1 });
      return otherwise(streams, {
        position: async (...of) => more(await streams.position(...of)),
        positions: async (...of) => (await streams.positions(...of)).map(more),
      });
    },
  },
  {
    bug: 'a member that is muted may write',
    faults: ['taken from no member'],
    spoil: (streams) =>
      otherwise(streams, {
        append: (item, done) =>
          streams.append(
            item.operation?.kind === 'mute'
              ? { ...item, operation: { ...item.operation, muted: false } }
              : item,
            done,
          ),
      }),
  },
];
