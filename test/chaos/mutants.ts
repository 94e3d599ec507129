/** Bugs put in on purpose, each of which the checker must find; and runs without, in which it must find nothing. */
import { cim, inboxOf, type ProducerId, type Seq, type UserId } from '@cim/protocol';
import type { Append, AppendAnswer, Entry, Streams } from '@cim/store';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './checker.ts';
import { Talk } from './crowd.ts';
import { textOf } from './journal.ts';
import type { Row, RunOptions } from './row.ts';
import { SmallWorld } from './small-world.ts';

const PEOPLE = 4;
const MESSAGES = 400;
const SETTLE_MS = 4_000;
/** Each bug acts once in so many messages. */
const EVERY = 40;

type Done = (answer: AppendAnswer) => void;

/** The store's streams with one thing done otherwise. */
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

/** Changes what is read, and what is made of it for the wire. */
function reads(streams: Streams, act: (entries: Entry[]) => Entry[]): Streams {
  return otherwise(streams, {
    read: async (...of) => act((await streams.read(...of)).map((entry) => ({ ...entry, wire: undefined }))),
  });
}

const withTexts = (entry: Entry, texts: readonly string[]): Entry => ({
  ...entry,
  content: cim.Content.encode({ texts: [...texts] }).finish(),
});

interface Mutant {
  readonly bug: string;
  /** One of these must be found. */
  readonly faults: readonly Fault[];
  readonly spoil?: (streams: Streams) => Streams;
  /** What one of the clients shows late. */
  readonly late?: (stream: string) => boolean;
}

const mutants: readonly Mutant[] = [
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
];

async function found({ spoil, late }: Pick<Mutant, 'spoil' | 'late'>): Promise<Set<Fault>> {
  await using world = await SmallWorld.start(spoil ?? ((streams) => streams));
  const people = await world.invite(PEOPLE, late);
  using talk = new Talk(people, { perSecond: 400, upTo: MESSAGES });
  talk.start();
  // Whoever comes back reads the log; in between all are pushed to.
  while (!talk.done) {
    await sleep(250);
    world.link.cut();
  }
  talk.stop();
  const verdict = await world.verdict(SETTLE_MS);
  return new Set(verdict.findings.map(({ fault }) => fault));
}

export async function checkerMutants({ say, stop }: RunOptions): Promise<Row> {
  const broken: string[] = [];
  let caught = 0;
  let done = 0;
  for (const mutant of mutants) {
    if (stop.aborted) break;
    const { bug, faults } = mutant;
    say({ what: bug, done: done++, of: mutants.length + 1 });
    const faultsFound = await found(mutant);
    if (faults.some((fault) => faultsFound.has(fault))) caught++;
    else broken.push(`"${bug}" was not caught; found: ${[...faultsFound].join(', ') || 'nothing'}`);
  }
  say({ what: 'without a bug', done, of: mutants.length + 1 });
  const alarms = await found({});
  if (alarms.size > 0) broken.push(`alarms without a bug: ${[...alarms].join(', ')}`);
  return {
    name: "the checker's mutants",
    did: `${done} bugs, and a run without`,
    faults: 0,
    found: `mutants ${caught} of ${done}, ${alarms.size} alarms without a bug`,
    broken,
  };
}
