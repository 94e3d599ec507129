/** Parses the arguments of commands: the words behind a command's name. */
import { parseUserName } from '@cim/protocol';
import { MARK_MODES } from '../messages/marks.ts';
import { type Command, problem } from './command.ts';
import { EMOJI_PAGES, withEmoji } from './emoji.ts';

/** Before the name of a group. */
export const HASH = /^[#\uff03]/;
const MAX_DELAY_S = 30 * 86_400;

export function parsePrefix(rest: string): Command {
  return rest === ''
    ? problem(':pu takes the beginning of a name, as in ":pu al"')
    : { kind: 'prefix', prefix: rest };
}

export function parseHistory(rest: string): Command {
  // A number alone is how many, of whatever: a user whose name is a number is found by its id, with the number behind it.
  const [whom, last] = /^\d+$/.test(rest) ? ['', rest] : splitCount(rest);
  const count = last === '' ? 20 : Number(last);
  if (!(Number.isInteger(count) && count >= 1 && count <= 100))
    return problem(':history takes a number from 1 to 100, as in ":history bob 50"');
  if (whom === '') return { kind: 'history', count };
  if (HASH.test(whom)) return { kind: 'history', count, of: { group: whom.slice(1).trim() } };
  const name = parseUserName(whom);
  return name.ok
    ? { kind: 'history', count, of: { user: name.name } }
    : problem(':history takes a name, or a group as in ":history #team"');
}

/** Splits a text into what stands before a number at its end, and that number. The number is '' when the text ends with none. */
function splitCount(rest: string): readonly [string, string] {
  const at = rest.lastIndexOf(' ');
  const last = rest.slice(at + 1);
  return at >= 0 && /^-?\d+$/.test(last) ? [rest.slice(0, at).trim(), last] : [rest, ''];
}

/** Reads a group's name, which may hold blanks; none when the text is empty. */
export const ofGroup = (rest: string): { readonly group?: string } => {
  const group = rest.replace(HASH, '').trim();
  return group === '' ? {} : { group };
};

export function parseGroup(rest: string): Command {
  const space = rest.search(/\s/);
  const verb = rest.slice(0, Math.max(space, 0)).toLowerCase();
  const words = rest.slice(space + 1).trim();
  const { group: name } = ofGroup(words);
  if (name !== undefined)
    switch (verb) {
      case 'new':
        return { kind: 'new-group', name, join: 'invite' };
      case 'open':
        return { kind: 'new-group', name, join: 'open' };
      case 'disband':
        return { kind: 'disband', group: name };
      case 'remove':
      case 'transfer':
        return parseMember(verb, words);
    }
  return problem(
    ':group makes a group, as in ":group new our team"; ":group open NAME" makes one that anybody may join; remove, transfer and disband change one',
  );
}

export function parseTo(rest: string): Command {
  if (rest === '') return { kind: 'to' };
  const { group } = HASH.test(rest) ? ofGroup(rest) : {};
  if (group !== undefined) return { kind: 'to', of: { group } };
  const name = parseUserName(rest);
  return name.ok
    ? { kind: 'to', of: { user: name.name } }
    : problem(':to takes a name, or a group as in ":to #team"; ":to" alone goes back to everybody');
}

export function parseJoin(rest: string): Command {
  const { group } = ofGroup(rest);
  return group !== undefined && /^\d+$/.test(group)
    ? { kind: 'join', group }
    : problem(':join takes the id of an open group, as in ":join 17"; its members see it with :groups');
}

export const parseInvite = (rest: string): Command => parseMember('invite', rest);

function parseMember(kind: 'invite' | 'remove' | 'transfer', rest: string): Command {
  const hash = rest.search(/[#\uff03]/);
  const name = parseUserName((hash < 0 ? rest : rest.slice(0, hash)).trim());
  const command = kind === 'invite' ? ':invite' : `:group ${kind}`;
  return name.ok
    ? { kind, name: name.name, ...(hash < 0 ? {} : ofGroup(rest.slice(hash))) }
    : problem(`${command} takes a name, as in "${command} bob #team"`);
}

export function parseBlock(kind: 'block' | 'unblock' | 'ignore' | 'unignore'): (rest: string) => Command {
  return (rest) => {
    const name = parseUserName(rest);
    return name.ok ? { kind, name: name.name } : problem(`:${kind} takes a name, as in ":${kind} mallory"`);
  };
}

export function parseDevices(rest: string): Command {
  if (rest === '') return { kind: 'devices' };
  const [verb, device = ''] = rest.split(/\s+/, 2);
  return verb === 'end' && device !== ''
    ? { kind: 'end-device', device }
    : problem(':devices lists your devices; ":devices end ID" logs one out');
}

export function parsePassword(rest: string): Command {
  return rest === ''
    ? { kind: 'password' }
    : problem(
        ':password takes nothing behind it: it asks, and shows nothing of what you type. Whoever saw this line has the password now',
      );
}

export function parseSet(rest: string): Command {
  if (rest === '') return { kind: 'set' };
  const end = rest.search(/[\s=]/);
  if (end < 0) return { kind: 'set', name: rest };
  const value = rest.slice(end).trim().replace(/^=/, '').trim();
  return { kind: 'set', name: rest.slice(0, end), ...(value !== '' && { value }) };
}

export function parseMarks(rest: string): Command {
  if (rest === '') return { kind: 'marks' };
  const mode = MARK_MODES.find((one) => one === rest);
  return mode === undefined ? problem(`:marks takes ${MARK_MODES.join(', ')}`) : { kind: 'marks', mode };
}

export function parseEmoji(rest: string): Command {
  const page = rest === '' ? 1 : Number(rest);
  return Number.isInteger(page) && page >= 1 && page <= EMOJI_PAGES
    ? { kind: 'emoji', page }
    : problem(`:emoji takes a page from 1 to ${EMOJI_PAGES}`);
}

export function parseWords(kind: 'me' | 'edit'): (rest: string) => Command {
  return (rest) => (rest === '' ? problem(`:${kind} takes a text`) : { kind, text: withEmoji(rest) });
}

export function parseSay(rest: string): Command {
  return rest === '' ? problem(':say takes a text') : { kind: 'group', text: withEmoji(rest) };
}

export function parseDelay(rest: string, read: (line: string) => Command): Command {
  const match = /^(.*\S)\s+(\d+)$/s.exec(rest);
  const line = match?.[1];
  const seconds = Number(match?.[2]);
  if (line === undefined || seconds < 1 || seconds > MAX_DELAY_S)
    return problem(`:delay takes a text and 1 to ${MAX_DELAY_S} seconds, as in ":delay good night 60"`);
  const later = read(line);
  if (later.kind === 'problem') return later;
  const isText = later.kind === 'here' || later.kind === 'group' || later.kind === 'private';
  return isText || later.kind === 'members-only'
    ? { kind: 'delay', line, say: later, seconds }
    : problem(':delay takes a text to be said, no command');
}

export function parseCancel(rest: string): Command {
  return /^[1-9]\d{0,5}$/.test(rest)
    ? { kind: 'cancel', number: Number(rest) }
    : problem(':cancel takes a number that ":delays" shows, as in ":cancel 2"');
}
