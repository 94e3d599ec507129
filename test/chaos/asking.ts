/** Asks the routes for what people are shown, while nobody talks. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from './crowd.ts';
import { payloadOf } from './journal.ts';
import { below } from './random.ts';
import { refusalOf } from './refusals.ts';
import type { Rest } from './rest.ts';

const TRIES = 40;
const AGAIN_MS = 250;
const PAGE = 100;
/** Code 9201: not a member. */
const NO_MEMBER = '9201';

export interface AskOptions {
  /** See `Lanes`. */
  readonly lanes: ReadonlyMap<string, string>;
  /** The part that was judged before. A history is read back to there. */
  readonly before: ReadonlyMap<string, number>;
  readonly random: () => number;
  /** Histories that are read for each person, also of groups without this person. */
  readonly histories: number;
}

/** @param people one device of each */
export async function askAll(people: readonly Person[], options: AskOptions): Promise<Rest[]> {
  const rests: Rest[] = [];
  for (const person of people) {
    const unread = await unreadOf(person, options);
    const own = `u${person.id}`;
    const open = [...options.lanes.keys()].filter((conversation) => conversation !== own);
    const histories = new Map<string, readonly string[] | 'refused'>();
    for (let i = 0; i < options.histories && open.length > 0; i++) {
      const [conversation = ''] = open.splice(below(options.random, open.length), 1);
      const lane = options.lanes.get(conversation) ?? conversation;
      histories.set(lane, await historyOf(person, conversation, options));
    }
    rests.push({ person: person.name, unread, histories });
  }
  return rests;
}

/** Reads some of a person's conversations to the end. Answers them as "person conversation". */
export async function readSome(
  person: Person,
  { lanes, random }: AskOptions,
  count: number,
): Promise<string[]> {
  const items = await persistently(() => person.client.conversations({ limit: PAGE }));
  const open = [...items.items];
  const read: string[] = [];
  for (let i = 0; i < count && open.length > 0; i++) {
    const [{ id } = { id: '' }] = open.splice(below(random, open.length), 1);
    await persistently(() => person.client.conversation(id).read());
    read.push(`${person.name} ${lanes.get(id) ?? id}`);
  }
  return read;
}

async function unreadOf({ client }: Person, { lanes }: AskOptions): Promise<Map<string, number>> {
  const unread = new Map<string, number>();
  for (let before: string | undefined, more = true; more; more = before !== undefined) {
    const from = before;
    const page = await persistently(() =>
      client.conversations({ limit: PAGE, ...(from !== undefined && { before: from }) }),
    );
    for (const { id, unread: count } of page.items) unread.set(lanes.get(id) ?? id, count);
    before = page.next;
  }
  return unread;
}

async function historyOf(
  { client }: Person,
  conversation: string,
  { before }: AskOptions,
): Promise<readonly string[] | 'refused'> {
  const texts: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const from = cursor;
    const page = await persistently(async () => {
      try {
        const query = { limit: PAGE, ...(from !== undefined && { before: from }) };
        return await client.conversation(conversation).messages(query);
      } catch (error) {
        if (refusalOf(error)?.code === NO_MEMBER) return undefined;
        throw error;
      }
    });
    if (page === undefined) return 'refused';
    texts.unshift(...page.items.flatMap((item) => (item.type === '' ? item.texts : [])));
    cursor = page.before;
    const known = texts.some((text) => {
      const { sender, lane, n } = payloadOf(text) ?? { sender: '', lane: '', n: 0 };
      return n > 0 && n <= (before.get(`${sender} ${lane}`) ?? 0);
    });
    if (known || cursor === undefined) return texts;
  }
}

/** Repeats a question, since a server may have died just now. */
async function persistently<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (tries === TRIES) throw error;
      await sleep(AGAIN_MS);
    }
  }
}
