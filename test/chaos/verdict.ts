/** What became of a run: figures, and what the checker found. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cim, groupStream, inboxOf, LOBBY, type Seq, type StreamRef, type UserId } from '@cim/protocol';
import type { Store } from '@cim/store';
import { check, type CheckOptions, type Finding } from './checker.ts';
import { Person } from './crowd.ts';
import type { Journal, JournalEntry } from './journal.ts';

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly settledMs: number;
  readonly sent: number;
  readonly shown: number;
  /** Answered otherwise than `stored`. */
  readonly refused: number;
  /** Clients that gave up, with why. */
  readonly ended: readonly string[];
  /** ms from a lost connection to the next login, ascending. */
  readonly logins: readonly number[];
}

/** Anybody who keeps a journal. */
export interface Witness {
  readonly journal: Journal;
  readonly entries: readonly JournalEntry[];
  /** Sends that wait for their answer. */
  readonly unanswered: number;
  /** Begins a new page of the journal. */
  forget(): void;
}

/** Of all of them together. */
export const joined = (verdicts: readonly Verdict[]): Verdict => ({
  findings: verdicts.flatMap(({ findings }) => findings),
  settledMs: Math.max(0, ...verdicts.map(({ settledMs }) => settledMs)),
  sent: verdicts.reduce((sum, { sent }) => sum + sent, 0),
  shown: verdicts.reduce((sum, { shown }) => sum + shown, 0),
  refused: verdicts.reduce((sum, { refused }) => sum + refused, 0),
  ended: [...new Set(verdicts.flatMap(({ ended }) => ended))],
  logins: verdicts.flatMap(({ logins }) => logins).sort((a, b) => a - b),
});

/** Waits until nothing is unanswered and everything stored has been shown, for so long at most; then checks all. */
export async function judge(
  everybody: readonly Witness[],
  stored: () => Promise<Map<string, string[]>>,
  settleMs: number,
  options: CheckOptions = {},
): Promise<Verdict> {
  const begun = performance.now();
  const journals = (): Journal[] => everybody.map(({ journal }) => journal);
  const calm = (): boolean =>
    everybody.every(({ unanswered }) => unanswered === 0) &&
    !check(journals(), options).some(({ fault }) => fault === 'lost' || fault === 'not answered');
  while (!calm() && performance.now() - begun < settleMs) await sleep(200);
  const settledMs = performance.now() - begun;
  const findings = check(journals(), { ...options, stored: await stored() });
  const entries = everybody.flatMap((one) => one.entries);
  const people = everybody.filter((one): one is Person => one instanceof Person);
  return {
    findings,
    settledMs,
    sent: entries.filter(({ did }) => did === 'sent').length,
    shown: entries.filter(({ did }) => did === 'shown').length,
    refused: entries.filter((entry) => entry.did === 'answered' && entry.outcome !== 'stored').length,
    ended: people.flatMap(({ stayed, ended, name }) =>
      stayed && ended !== undefined ? [`${name}: ${ended}`] : [],
    ),
    logins: people.flatMap(({ logins }) => logins).sort((a, b) => a - b),
  };
}

/**
 * Of each person's inbox and of the lobby, in order.
 *
 * @param begin where to begin on each lane; what comes next of each is left in it
 */
export async function textsIn(
  store: Store,
  people: readonly Person[],
  begin = new Map<string, Seq>(),
): Promise<Map<string, string[]>> {
  const lanes: [string, StreamRef][] = [
    ...people.map(({ name, client }): [string, StreamRef] => [
      name,
      inboxOf((client.user?.userId ?? 0) as UserId),
    ]),
    ['lobby', groupStream(LOBBY)],
  ];
  const texts = new Map<string, string[]>();
  for (const [lane, stream] of lanes) {
    const found: string[] = [];
    for (let next = begin.get(lane) ?? (1 as Seq); ; ) {
      const entries = await store.streams.read(stream, next, 1_000);
      const last = entries.at(-1);
      if (last === undefined) break;
      for (const { content } of entries) found.push(...cim.Content.decode(content).texts);
      next = (last.seq + 1) as Seq;
      begin.set(lane, next);
    }
    texts.set(lane, found);
  }
  return texts;
}
