/**
 * The rules of each kind of stream. This table is the only place that distinguishes a user's timeline, the
 * lobby and other groups: a server asks for the policy of a stream and acts by it (docs/architecture.md,
 * "Streams"). ESLint forbids other code to read the kind of a stream (scripts/stream-kind.mjs).
 */
import { LOBBY, type StreamRef } from '@cim/protocol';

export interface StreamPolicy {
  /**
   * Retention. A settled entry is kept for 30 days, an unsettled one for 90, and unsettled entries are
   * bounded by their bytes (`RETENTION`). `acked`: an entry is settled when a device of the stream's user has
   * acked it. `stored`: at once.
   */
  readonly settledWhen: 'acked' | 'stored';
  /** Who may append. `accounts`: every account. `members`: a member of the group that is not muted. */
  readonly writers: 'accounts' | 'members';
  /** Who may read. `owner`: the user of the timeline. `members`: a member of the group, from its join on. */
  readonly readers: 'owner' | 'accounts' | 'members';
  /**
   * Which im-servers are rung for an entry. `devices`: those that hold a device of the owner. `everywhere`:
   * all. `followers`: those that have registered their interest (`Groups.follow`).
   */
  readonly fanOut: 'devices' | 'everywhere' | 'followers';
  /** Where a device begins that presents no cursor and has never acked the stream. */
  readonly startsAt: 'beginning' | 'end' | 'join';
  /** The entries for a device that was away for long: all that are kept, or only the newest. */
  readonly catchUp: 'all' | 'newest';
  /** When an ack is written to the store: `soon`, or `seldom` because every member acks every entry. */
  readonly acks: 'soon' | 'seldom';
}

const TIMELINE: StreamPolicy = {
  settledWhen: 'acked',
  writers: 'accounts',
  readers: 'owner',
  fanOut: 'devices',
  startsAt: 'beginning',
  catchUp: 'all',
  acks: 'soon',
};

const LOBBY_POLICY: StreamPolicy = {
  settledWhen: 'stored',
  writers: 'accounts',
  readers: 'accounts',
  fanOut: 'everywhere',
  startsAt: 'end',
  catchUp: 'newest',
  acks: 'seldom',
};

const GROUP: StreamPolicy = {
  ...LOBBY_POLICY,
  writers: 'members',
  readers: 'members',
  fanOut: 'followers',
  startsAt: 'join',
};

export function policyOf(stream: StreamRef): StreamPolicy {
  if (stream.kind === 'inbox') return TIMELINE;
  return stream.group === LOBBY ? LOBBY_POLICY : GROUP;
}
