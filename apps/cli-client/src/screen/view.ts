import type { MembersChange, Message, StoredMessage, StreamEvent } from '@cim/client/node';
import { contentType, LOBBY, type NamedUser, type UserId } from '@cim/protocol';
import { cleanLine, cleanLines } from '@cim/terminal-text';
import type { Paint } from './paint.ts';

/** Something said, as it is shown. */
export interface Said {
  /** ms since 1970. */
  readonly at: number;
  readonly from: string;
  /** Of a private message of ours: whom it was for. */
  readonly to?: string;
  readonly private: boolean;
  /** Name of the group; absent for the lobby and for private messages. */
  readonly group?: string;
  readonly text: string;
}

/** Answers the names of users and groups. */
export interface Names {
  userName(id: UserId): string;
  groupName(id: string): string;
}

/** What people call a conversation. */
export function titleOf(conversation: string, names: Names): string {
  const id = conversation.slice(1);
  if (id === LOBBY) return 'everybody';
  return conversation.startsWith('g') ? `#${names.groupName(id)}` : names.userName(Number(id) as UserId);
}

/** The fields of a message that the terminal shows. */
export type Shown = Pick<Message, 'from' | 'texts' | 'storedAt' | 'group'> &
  Partial<Pick<Message, 'own' | 'to' | 'type'>>;

/** A message of a type that is not text is a line that names its type. */
export function saidOf({ from, texts, storedAt, group, own, to, type }: Shown, names: Names): Said[] {
  const peer = own === true && group === undefined && to !== undefined && 'user' in to ? to.user : undefined;
  const isLobby = group === undefined || group === LOBBY;
  return (texts.length > 0 ? texts : [`[${type}]`]).map((text) => ({
    at: storedAt,
    from: from.userName,
    private: group === undefined,
    text,
    ...(!isLobby && { group: names.groupName(group) }),
    ...(peer !== undefined && { to: names.userName(peer as UserId) }),
  }));
}

const MEMBERS_WORDS: Readonly<Record<string, string>> = {
  create: 'made the group',
  change: 'changed the group',
  add: 'added',
  join: 'joined',
  leave: 'left',
  remove: 'removed',
  role: 'gave another role to',
  mute: 'changed who may write:',
  transfer: 'made owner:',
  disband: 'disbanded the group',
};

/** Makes one line of an event about a message, or about the members of a group. */
export function eventLine(event: Exclude<StreamEvent, { event: 'message' }>, names: Names): string {
  const { from, group } = event.value;
  const where = group === undefined || group === LOBBY ? '' : `#${names.groupName(group)}: `;
  const who = `${where}${from.userName}`;
  switch (event.event) {
    case 'recalled':
      return `${who} took a message back`;
    case 'edited':
      return `${who} changed a message to: ${event.value.texts.join(' ')}`;
    case 'reaction':
      return event.value.reaction === ''
        ? `${who} took a reaction back`
        : `${who} reacts to a message: ${event.value.reaction}`;
    case 'members':
      return `${who} ${membersWords(event.value)}`;
  }
}

/** What somebody did to the members of a group, behind the name of who did it. */
export function membersWords({ op, users, from }: Pick<MembersChange, 'op' | 'users' | 'from'>): string {
  const others = users.filter((user) => user.userId !== from.userId).map((user) => user.userName);
  const words = MEMBERS_WORDS[op] ?? 'changed the group';
  if (others.length === 0) return words.replace(/:$/, '');
  return `${words}${op === 'create' ? ' with' : ''} ${others.join(', ')}`;
}

/** What a message says that the server keeps; `event`: it tells what its sender did. */
export function storedText(message: StoredMessage): { readonly text: string; readonly event: boolean } {
  const { texts, type, from, body = NO_BODY, ref = '' } = message;
  if (texts.length > 0) return { text: texts.join('\n'), event: false };
  const told = contentType(type).says({ texts: [], type, body, ref, changed: false }, from);
  return told?.event === 'members'
    ? { text: membersWords({ ...told.value, from }), event: true }
    : { text: `[${type}]`, event: false };
}

const NO_BODY = new Uint8Array();

/** Marks a word, case ignored. A text that has another length in small letters is left as it is. */
function withHits(line: string, hit: string, paint: Paint): string {
  const [small, wanted] = [line.toLowerCase(), hit.toLowerCase()];
  if (small.length !== line.length) return line;
  let out = '';
  let at = 0;
  for (let next = small.indexOf(wanted); next >= 0; next = small.indexOf(wanted, at)) {
    out += line.slice(at, next) + paint.hit(line.slice(next, next + wanted.length));
    at = next + wanted.length;
  }
  return out + line.slice(at);
}

/** Lines ready to be printed; everything in them that is not ours has been cleaned. */
export class View {
  readonly #paint: Paint;
  /** A text with several lines: below each other, or in one. */
  readonly #below: boolean;
  readonly #now: () => number;

  constructor(paint: Paint, below: boolean, now: () => number) {
    this.#paint = paint;
    this.#below = below;
    this.#now = now;
  }

  /** @param mark what became of it, for our own. @param hit a word that is searched for, to be marked */
  said(said: Said, mark = '', hit = ''): string[] {
    const paint = this.#paint;
    const cleaned = this.#below ? cleanLines(said.text) : [cleanLine(said.text)];
    const [first = '', ...more] = hit === '' ? cleaned : cleaned.map((line) => withHits(line, hit, paint));
    const where = said.group === undefined ? '' : ` ${paint.name(`#${cleanLine(said.group)}`)}`;
    const whom = said.private
      ? ` ${paint.private(said.to === undefined ? '(private)' : `-> ${cleanLine(said.to)}`)}`
      : '';
    const head = `${paint.dim(this.#time(said.at))} ${paint.name(cleanLine(said.from))}${where}${whom}: `;
    const lines = [head + first, ...more.map((line) => paint.dim('  \u{2502} ') + line)];
    if (mark !== '') lines.push(`${lines.pop() ?? ''} ${mark}`);
    return lines;
  }

  stored(said: Said): string[] {
    return this.said(said, this.#paint.good('\u{2713}'));
  }

  failed(said: Said, why: string): string[] {
    return this.said(said, this.#paint.bad(`\u{2717} not sent: ${cleanLine(why)}`));
  }

  notice(text: string): string[] {
    return [this.#paint.dim(`* ${cleanLine(text)}`)];
  }

  /** What became of lines of ours. */
  mark(text: string): string[] {
    return [this.#paint.dim(`  ${cleanLine(text)}`)];
  }

  problem(text: string): string[] {
    return [this.#paint.bad(`* ${cleanLine(text)}`)];
  }

  /** @param of how many there are; `users` may be some of them */
  users(title: string, users: readonly NamedUser[], of: number, me: NamedUser | undefined): string[] {
    const width = users.reduce((widest, user) => Math.max(widest, String(user.userId).length), 0);
    const some = users.length < of ? `, ${users.length} of them; ":pu PREFIX" finds others` : '';
    return [
      ...this.notice(`${of} ${title}${some}`),
      ...users.map(
        ({ userId, userName }) =>
          `  ${String(userId).padStart(width)}  ${this.#paint.name(cleanLine(userName))}${userId === me?.userId ? ' (you)' : ''}`,
      ),
    ];
  }

  #time(at: number): string {
    const [date, now] = [new Date(at), new Date(this.#now())];
    const two = (n: number): string => String(n).padStart(2, '0');
    const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    if (date.toDateString() === now.toDateString()) return time;
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
  }
}
