/** The verdict on a run: figures, and the findings of the checker. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  cim,
  type GroupId,
  groupStream,
  inboxOf,
  type Seq,
  type StreamRef,
  type UserId,
} from '@cim/protocol';
import type { Entry, Store } from '@cim/store';
import { check, type CheckOptions } from './checker.ts';
import type { Finding } from './finding.ts';
import { Person } from './crowd.ts';
import { isGroupLane, type Journal, type JournalEntry, type LogItem, type Members } from './journal.ts';
import { Standings } from './membership.ts';
import { checkRest, type Rest, type Unread } from './rest.ts';

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly settledMs: number;
  /** Number of histories that were read, and of unread counts that were compared. */
  readonly asked: number;
  /** Number of changes of groups. */
  readonly changes: number;
  readonly sent: number;
  readonly shown: number;
  /** Sends answered otherwise than `stored`. The checker judges refusals by groups. */
  readonly refused: number;
  /** Clients that gave up, with the reason. */
  readonly ended: readonly string[];
  /** Times from a lost connection to the next login [ms], ascending. */
  readonly logins: readonly number[];
}

/** A person or program that keeps a journal. */
export interface Witness {
  readonly journal: Journal;
  readonly entries: readonly JournalEntry[];
  /** Number of sends that wait for their answer. */
  readonly unanswered: number;
  /** Begins a new page of the journal. */
  forget(): void;
}

/** Joins verdicts. */
export const joined = (verdicts: readonly Verdict[]): Verdict => ({
  findings: verdicts.flatMap(({ findings }) => findings),
  settledMs: Math.max(0, ...verdicts.map(({ settledMs }) => settledMs)),
  asked: verdicts.reduce((sum, { asked }) => sum + asked, 0),
  changes: verdicts.reduce((sum, { changes }) => sum + changes, 0),
  sent: verdicts.reduce((sum, { sent }) => sum + sent, 0),
  shown: verdicts.reduce((sum, { shown }) => sum + shown, 0),
  refused: verdicts.reduce((sum, { refused }) => sum + refused, 0),
  ended: [...new Set(verdicts.flatMap(({ ended }) => ended))],
  logins: verdicts.flatMap(({ logins }) => logins).sort((a, b) => a - b),
});

/** The state that is carried from one page of the journals to the next. */
export class Carried {
  /** Key: "sender lane". How far each lane had come when the last page was closed. */
  readonly before = new Map<string, number>();
  members: Members = new Map();
  /** Key: "person conversation". */
  unread = new Map<string, number>();

  /** Closes a page. @param unread counts at its end */
  turn(everybody: readonly Witness[], unread: Unread): void {
    this.members = new Standings(
      everybody.map(({ journal }) => journal),
      this.members,
    ).members;
    this.unread = new Map([...this.unread, ...unread]);
    for (const witness of everybody) {
      for (const entry of witness.entries)
        if (entry.did === 'sent')
          this.before.set(`${entry.payload.sender} ${entry.payload.lane}`, entry.payload.n);
      witness.forget();
    }
  }
}

/** How a page is judged. */
export interface Judging extends Pick<CheckOptions, 'toldIsEnough'> {
  readonly carried: Carried;
  readonly settleMs: number;
  /** How much longer a judgement waits for what is missing then, to tell what is lost from what is late [ms]. */
  readonly lateMs?: number;
  /** Key: lane. Entries in the store since the page began. */
  readonly stored: () => Promise<ReadonlyMap<string, readonly LogItem[]>>;
  /** Asks people what they are shown when all is quiet; absent where a store may lose. */
  readonly ask?: (() => Promise<readonly Rest[]>) | undefined;
}

/**
 * Waits until no send is unanswered and every stored message was shown, but not longer than a limit. Then
 * checks everything. A message that comes after the limit is late, and the finding says where its client was.
 */
export async function judge(
  everybody: readonly Witness[],
  { carried, settleMs, lateMs = 0, stored, ask, toldIsEnough = false }: Judging,
): Promise<Verdict & { readonly unread: Unread }> {
  const begun = performance.now();
  const { before, members } = carried;
  const options = { before, members, toldIsEnough };
  const journals = (): Journal[] => everybody.map(({ journal }) => journal);
  const shown = (): number => everybody.reduce((sum, { entries }) => sum + entries.length, 0);
  const missing = (): Finding[] =>
    check(journals(), options).filter(({ fault }) => fault === 'lost' || fault === 'not answered');
  const settled = async (untilMs: number): Promise<boolean> => {
    while (performance.now() - begun < untilMs) {
      const was = shown();
      await sleep(200);
      // While entries still arrive, a check would be useless.
      if (was === shown() && everybody.every(({ unanswered }) => unanswered === 0) && missing().length === 0)
        return true;
    }
    return false;
  };
  const inTime = await settled(settleMs);
  const people = everybody.filter((one): one is Person => one instanceof Person);
  const where = new Map(people.map((person) => [person.voice, person.where]));
  const late = inTime ? [] : missing().map((one) => ({ ...one, fault: 'late' as const }));
  if (late.length > 0 && lateMs > 0) await settled(settleMs + lateMs);
  const settledMs = performance.now() - begun;
  const logs = await stored();
  const rests = (await ask?.()) ?? [];
  const rest = checkRest(rests, { logs, before, members, unread: carried.unread });
  const checked = check(journals(), { ...options, stored: logs });
  const never = new Set(checked.map(({ person, text }) => `${person} ${text}`));
  const findings = [
    ...checked,
    ...late
      .filter(({ person, text }) => !never.has(`${person} ${text}`))
      .map((one) => ({ ...one, text: `${one.text} (${where.get(one.person) ?? 'no client'})` })),
    ...rest.findings,
  ];
  const entries = everybody.flatMap((one) => one.entries);
  const isRefused = (entry: JournalEntry): boolean =>
    entry.did === 'answered' &&
    entry.outcome !== 'stored' &&
    !(entry.outcome === 'refused' && isGroupLane(entry.payload.lane));
  return {
    findings,
    settledMs,
    asked: rests.reduce((sum, { unread, histories }) => sum + unread.size + histories.size, 0),
    changes: entries.filter(({ did }) => did === 'changed').length,
    unread: rest.unread,
    sent: entries.filter(({ did }) => did === 'sent').length,
    shown: entries.filter(({ did }) => did === 'shown').length,
    refused: entries.filter(isRefused).length,
    ended: people.flatMap(({ stayed, ended, voice }) =>
      stayed && ended !== undefined ? [`${voice}: ${ended}`] : [],
    ),
    logins: people.flatMap(({ logins }) => logins).sort((a, b) => a - b),
  };
}

/**
 * The entries of each person's timeline, of the lobby and of the groups in the store, in order.
 * @param lanes see `Lanes`
 * @param begin where each lane begins; it is moved to where each lane goes on
 */
export async function logsIn(
  store: Store,
  people: readonly Person[],
  lanes: ReadonlyMap<string, string>,
  begin = new Map<string, Seq>(),
): Promise<Map<string, LogItem[]>> {
  const streams = new Map<string, StreamRef>(people.map(({ name, id }) => [name, inboxOf(id as UserId)]));
  for (const [conversation, lane] of lanes)
    if (conversation.startsWith('g')) streams.set(lane, groupStream(conversation.slice(1) as GroupId));
  const logs = new Map<string, LogItem[]>();
  for (const [lane, stream] of streams) {
    const found: LogItem[] = [];
    for (let next = begin.get(lane) ?? (1 as Seq); ; ) {
      const entries = await store.streams.read(stream, next, 1_000);
      const last = entries.at(-1);
      if (last === undefined) break;
      for (const entry of entries) found.push(...itemsOf(entry));
      next = (last.seq + 1) as Seq;
      begin.set(lane, next);
    }
    logs.set(lane, found);
  }
  return logs;
}

function itemsOf(entry: Entry): LogItem[] {
  const { content, sender } = entry;
  const { type, texts, body } = cim.Content.decode(content);
  if (type !== 'member')
    return texts.map((text) => ({
      text,
      id: `${entry.seq}=${sender.userId}:${entry.producer}:${entry.counter}`,
    }));
  const { op, users, muted } = JSON.parse(Buffer.from(body).toString()) as {
    readonly op: string;
    readonly users?: readonly { readonly name: string }[];
    readonly muted?: boolean;
  };
  const people = (users ?? []).map(({ name }) => name);
  return [{ op, by: sender.userName, people, ...(muted !== undefined && { muted }) }];
}
