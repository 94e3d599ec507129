/** Takes over accounts and waiting texts of a Java CIM. May be ended and run again at any moment: nothing is there twice. */
import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CimError,
  encodeContent,
  inboxOf,
  isUserId,
  messageId,
  type NamedUser,
  parseUserName,
  type ProducerId,
  type Seq,
  textsProblem,
  type UserId,
  type UserName,
} from '@cim/protocol';
import type { AppendAnswer, CimAccount, CimSource, CimTexts, Store } from '@cim/store';
import { messageIdOf } from '@cim/store';
import type { NotTaken, Report } from './report.ts';

const PAGE = 500;
/** A store that is busy is asked again so often, with this between [ms]. */
const TRIES = 20;
const AGAIN_MS = 500;
/** How long a text is known by its id, for the moment between two runs [ms]. After that the timeline tells. */
const REMEMBER_MS = 3_600_000;
const NAME_CHARACTERS = 32;

export interface ImportParts {
  readonly source: CimSource;
  readonly store: Store;
  /** Other names for users, by their ids. */
  readonly names: Readonly<Record<string, string>>;
  readonly dryRun: boolean;
}

interface Counts {
  found: number;
  imported: number;
  thereBefore: number;
}

/** @throws {Error} one line: nothing of CIM's was found, or one of the two stores does not answer */
export async function importCim(parts: ImportParts): Promise<Report> {
  const { source, store, dryRun } = parts;
  const run = new Import(parts);
  for await (const account of source.accounts()) await run.account(account);
  if (run.accounts.found === 0)
    throw new Error(
      `${source.description} holds no account of CIM (no key cim-account:...): is it the right server and database?`,
    );
  for await (const waiting of source.waiting()) await run.texts(waiting);
  const { accounts, taken, expired, notTaken } = run;
  return {
    ...{ from: source.description, to: store.description, dryRun },
    accounts,
    texts: { ...taken, expired },
    notTaken,
  };
}

class Import {
  readonly accounts: Counts = { found: 0, imported: 0, thereBefore: 0 };
  readonly taken: Counts = { found: 0, imported: 0, thereBefore: 0 };
  expired = 0;
  readonly notTaken: NotTaken[] = [];
  readonly #parts: ImportParts;
  /** Names that a dry run would have given. */
  readonly #given = new Map<string, string>();

  constructor(parts: ImportParts) {
    this.#parts = parts;
  }

  async account(given: CimAccount): Promise<void> {
    this.accounts.found++;
    const { id, name, holder } = given;
    const other = Object.hasOwn(this.#parts.names, id) ? this.#parts.names[id] : undefined;
    const userId = userIdOf(id);
    if (userId === undefined)
      return this.#refuse('account', id, 'a user id is a whole number above 0 and below 2^53');
    if (name === undefined && other === undefined)
      return this.#refuse('account', id, 'CIM keeps no name of this user', `user-${id}`);
    // CIM lets two users that register at once have one name, and sends what is for that name to the last.
    if (other === undefined && holder !== undefined && holder !== id)
      return this.#refuse(
        'account',
        id,
        `CIM gives the name ${shown(name)} to user ${holder}`,
        suggestion(id, name),
      );
    const parsed = parseUserName(other ?? name);
    if (!parsed.ok)
      return this.#refuse(
        'account',
        id,
        `the name ${shown(other ?? name)}: ${parsed.problem}`,
        suggestion(id, name),
      );
    try {
      if (await this.#adopt(userId, parsed.name)) this.accounts.imported++;
      else this.accounts.thereBefore++;
    } catch (error) {
      if (!(error instanceof CimError) || error.retryable) throw error;
      this.#refuse('account', id, error.message, suggestion(id, name));
    }
  }

  /** Answers whether it was not there before. */
  async #adopt(userId: UserId, name: UserName): Promise<boolean> {
    const { store, dryRun } = this.#parts;
    if (!dryRun) return (await again(() => store.accounts.adopt(userId, name))).created;
    const [held, holder] = await Promise.all([store.accounts.byId(userId), store.accounts.byName(name)]);
    if (held !== undefined && held.userName !== name)
      throw new CimError('invalid', `userId ${userId} belongs to "${held.userName}" already`);
    if (holder !== undefined && holder.userId !== userId)
      throw new CimError('invalid', `userName "${name}" is taken by another account`);
    this.#given.set(String(userId), name);
    return held === undefined;
  }

  async texts({ user, texts }: CimTexts): Promise<void> {
    this.taken.found += texts.length;
    const { store, dryRun } = this.#parts;
    const recipient = userIdOf(user);
    const isThere =
      recipient !== undefined &&
      (this.#given.has(user) || (await store.accounts.byId(recipient)) !== undefined);
    if (recipient === undefined || !isThere) {
      for (const { json } of texts)
        if (json === undefined) this.expired++;
        else this.#refuse('text', user, 'the account of its recipient was not taken');
      return;
    }
    const there = await this.#messagesOf(recipient);
    for (const { id, json } of texts) {
      if (json === undefined) {
        this.expired++;
        continue;
      }
      const read = textOf(json);
      if (typeof read === 'string') {
        this.#refuse('text', user, `text ${id}: ${read}`);
        continue;
      }
      const producer = hash('sha256', `cim offline:msg:${id}`, 'base64url') as ProducerId;
      if (there.has(messageId(read.sender.userId, producer, 0))) this.taken.thereBefore++;
      else if (dryRun) this.taken.imported++;
      else await this.#append(recipient, id, producer, read);
    }
  }

  async #append(user: UserId, id: string, producer: ProducerId, { sender, text }: CimText): Promise<void> {
    const content = encodeContent({ texts: [text] });
    const digest = hash('sha256', content, 'base64url').slice(0, 22);
    const stream = inboxOf(user);
    const answer = await again(async () => {
      const tried = await new Promise<AppendAnswer>((done) =>
        this.#parts.store.streams.append(
          { stream, sender, producer, counter: 0, again: true, rememberMs: REMEMBER_MS, digest, content },
          done,
        ),
      );
      if (tried.outcome === 'retry') throw tried.cause;
      return tried;
    });
    if (answer.outcome === 'ok') this.taken.imported++;
    else if (answer.outcome === 'duplicate') this.taken.thereBefore++;
    else this.#refuse('text', String(user), `text ${id}: ${REFUSED[answer.outcome] ?? answer.outcome}`);
  }

  /** Ids of the messages in the timeline of a user: what an earlier run has taken is among them. */
  async #messagesOf(user: UserId): Promise<Set<string>> {
    const found = new Set<string>();
    const stream = inboxOf(user);
    for (let from = 1; ; ) {
      const page = await again(() => this.#parts.store.streams.read(stream, from as Seq, PAGE));
      for (const entry of page) found.add(messageIdOf(entry));
      const last = page.at(-1);
      if (last === undefined) return found;
      from = last.seq + 1;
    }
  }

  #refuse(kind: NotTaken['kind'], userId: string, why: string, other?: string): void {
    this.notTaken.push({ kind, userId, why, ...(other === undefined ? {} : { suggestion: other }) });
  }
}

const REFUSED: Readonly<Record<string, string | undefined>> = {
  full: 'its recipient has as many unread messages as a timeline holds',
  blocked: 'its recipient has blocked its sender',
};

interface CimText {
  readonly sender: NamedUser;
  readonly text: string;
}

/** What is wrong with it, in words, or the text. */
function textOf(json: string): CimText | string {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return 'it is no JSON';
  }
  const { content, properties } = fieldsOf(value);
  const of = fieldsOf(properties);
  if (typeof content !== 'string') return 'it has no content';
  const sender = userIdOf(String(of['sendUserId']));
  if (sender === undefined || typeof of['sendUserName'] !== 'string') return 'it does not say who sent it';
  const problem = textsProblem([content]);
  if (problem !== undefined) return problem;
  return { sender: { userId: sender, userName: of['sendUserName'] }, text: content };
}

const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

function userIdOf(text: string): UserId | undefined {
  const id = Number(text);
  return /^[1-9]\d*$/.test(text) && isUserId(id) ? id : undefined;
}

const shown = (name: string | undefined): string => JSON.stringify(name ?? '');

/** A name that is allowed, and that nobody else is likely to have. */
function suggestion(id: string, name = ''): string {
  const end = `-${id.slice(-6)}`;
  const allowed = [...name.normalize('NFKC')].map((c) => (/[\p{L}\p{M}\p{Nd}_.-]/u.test(c) ? c : '_'));
  return `${allowed.slice(0, NAME_CHARACTERS - end.length).join('') || 'user'}${end}`;
}

/** Asks a store again that cannot answer now. */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++)
    try {
      return await ask();
    } catch (error) {
      const passes = !(error instanceof CimError) || error.retryable;
      if (!passes || tries === TRIES) throw error;
      await sleep(AGAIN_MS);
    }
}
