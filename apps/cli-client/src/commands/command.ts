import type { MarkMode } from '../messages/marks.ts';

/** What a typed line means. */
export type Command =
  | { readonly kind: 'nothing' | 'all' | 'online' | 'quit' | 'info' | 'answerer-on' | 'answerer-off' }
  | { readonly kind: 'search'; readonly word: string }
  /** In the conversation that the person is in, at the server. */
  | { readonly kind: 'find'; readonly word: string }
  /** The newest own message there, and the newest of others. */
  | { readonly kind: 'edit' | 'me'; readonly text: string }
  | { readonly kind: 'react'; readonly reaction: string }
  | { readonly kind: 'help'; readonly name: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'emoji'; readonly page: number }
  /** Without `of`: of everybody and of all who wrote to us. */
  | { readonly kind: 'history'; readonly count: number; readonly of?: Whom }
  | { readonly kind: 'groups' | 'devices' | 'recall' | 'blocks' }
  | { readonly kind: 'block' | 'unblock'; readonly name: string }
  /** In this terminal only. */
  | { readonly kind: 'ignores' }
  | { readonly kind: 'ignore' | 'unignore'; readonly name: string }
  | { readonly kind: 'end-device'; readonly device: string }
  | { readonly kind: 'new-group'; readonly name: string; readonly join: 'open' | 'invite' }
  | { readonly kind: 'join' | 'disband'; readonly group: string }
  /** Without a group: the one that was named last. */
  | { readonly kind: 'leave' | 'members'; readonly group?: string }
  | { readonly kind: 'invite' | 'remove' | 'transfer'; readonly name: string; readonly group?: string }
  /** Without a mode: which one is on? */
  | { readonly kind: 'marks'; readonly mode?: MarkMode }
  /** Say it in so many seconds. `line`: as it was typed. */
  | { readonly kind: 'delay'; readonly line: string; readonly say: Say; readonly seconds: number }
  | { readonly kind: 'delays' }
  | { readonly kind: 'cancel'; readonly number: number }
  | { readonly kind: 'password' }
  /** Without a value: what is it? Without a name: all of them. */
  | { readonly kind: 'set'; readonly name?: string; readonly value?: string }
  /** Be in another conversation; without one, with everybody. */
  | { readonly kind: 'to'; readonly of?: Whom }
  | Say
  /** Not understood: what to do instead, in one line. */
  | { readonly kind: 'problem'; readonly text: string /** It was a message. */; readonly unsent?: true };

/** Something to be said. */
export type Say =
  /** `to` is a user id in digits or a name. */
  | { readonly kind: 'private'; readonly to: string; readonly text: string }
  /** To everybody. */
  | { readonly kind: 'group'; readonly text: string }
  /** To the conversation that the person is in. */
  | { readonly kind: 'here'; readonly text: string }
  /** To the members of a group: its name or id, without the `#`. */
  | { readonly kind: 'members-only'; readonly group: string; readonly text: string };

/** A user by name or id, or a group by name or id. */
export type Whom = { readonly user: string } | { readonly group: string };

const BRIEF_CHARACTERS = 40;
export const brief = (text: string): string =>
  text.length > BRIEF_CHARACTERS ? `${text.slice(0, BRIEF_CHARACTERS)}\u{2026}` : text;

export const problem = (text: string): Command => ({ kind: 'problem', text });

/** It was meant as a message, and is not sent. */
export const unsent = (why: string, line: string): Command => ({
  kind: 'problem',
  unsent: true,
  text: `not sent: ${why}; ":say ${brief(line)}" says it to everybody`,
});
