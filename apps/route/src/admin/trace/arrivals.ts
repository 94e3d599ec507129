/** Finds how far one message has come with its recipients, as the store and the im-servers know it now. */
import type { Messaging } from '@cim/delivery';
import { CIM_DEVICE, CimError, groupOf, type NamedUser, type UserId } from '@cim/protocol';
import { type ConversationRef, type Cursor, type Entry, type Store } from '@cim/store';
import { type Static, Type } from 'typebox';
import { type Finding, FindingShape, NamedUserShape, no, unknown, yes } from '../admin-shapes.ts';
import { type SeenDevice, seenDevices } from '../devices.ts';
import { shownUser } from '../named-user.ts';
import type { FoundMessage } from './find-message.ts';

export const RecipientShape = Type.Object({
  user: NamedUserShape,
  delivered: { ...FindingShape, description: 'whether any device of the user has acknowledged it' },
  read: { ...FindingShape, description: "whether the user's read mark is at it or behind it" },
  devices: Type.Array(
    Type.Object({
      device: Type.String(),
      label: Type.String(),
      server: Type.Optional(Type.String({ description: 'instance of the im-server that holds it now' })),
      pushed: { ...FindingShape, description: 'whether it went out on the connection of the device' },
      delivered: { ...FindingShape, description: 'whether the device has acknowledged it' },
    }),
  ),
});
type Recipient = Static<typeof RecipientShape>;

const TRIMMED = 'the log of the recipient holds the message no longer, so that its place there is not known';
const LATER = 'the device logged in anew after the message was stored: it may have begun behind it';

export class Arrivals {
  readonly #store: Pick<Store, 'sessions' | 'streams' | 'groups'>;
  readonly #messaging: Pick<Messaging, 'calls' | 'conversations'>;

  constructor(
    store: Pick<Store, 'sessions' | 'streams' | 'groups'>,
    messaging: Pick<Messaging, 'calls' | 'conversations'>,
  ) {
    this.#store = store;
    this.#messaging = messaging;
  }

  /** @param sender of the message @param users recipients; the answer has one item for each */
  async of(found: FoundMessage, sender: UserId, users: readonly NamedUser[]): Promise<Recipient[]> {
    const group = groupOf(found.stream) ?? '';
    const seen = await seenDevices(
      users.map(({ userId }) => userId),
      group,
      this.#store.sessions,
      this.#messaging.calls,
    );
    return Promise.all(
      users.map((user) => this.#recipient(found, sender, user, seen.get(user.userId) ?? [])),
    );
  }

  async #recipient(
    { stream, entry, of }: FoundMessage,
    sender: UserId,
    user: NamedUser,
    seen: readonly SeenDevice[],
  ): Promise<Recipient> {
    const { streams, groups } = this.#store;
    const { userId } = user;
    const group = groupOf(stream);
    const [highest, member, cursors] = await Promise.all([
      streams.highestCursor(userId, stream),
      group === undefined ? undefined : groups.member(group, userId),
      Promise.all(seen.map(({ session }) => streams.cursor(userId, session.device, stream))),
    ]);
    const isLater = entry !== undefined && member !== undefined && member.joined > entry.seq;
    const devices = seen.map((device, i) => {
      const { session, at } = device;
      const arrival =
        entry === undefined
          ? { pushed: unknown(TRIMMED), delivered: unknown(TRIMMED) }
          : arrivalOf(device, cursors[i], highest, entry, group !== undefined);
      return {
        ...{ device: session.device, label: session.label },
        ...(at !== undefined && { server: at.instance }),
        ...arrival,
      };
    });
    const joined = no('the user became a member after the message');
    return {
      user: shownUser(user),
      delivered: isLater ? joined : deliveredOf(entry, highest, devices),
      read: isLater ? joined : await this.#read(userId, sender, of, entry, seen),
      devices,
    };
  }

  async #read(
    user: UserId,
    sender: UserId,
    of: ConversationRef,
    entry: Entry | undefined,
    seen: readonly SeenDevice[],
  ): Promise<Finding> {
    if (entry === undefined) return unknown(TRIMMED);
    try {
      // A private conversation is named after its peer. For the recipient that is the sender.
      const own: ConversationRef = of.kind === 'user' ? { kind: 'user', user: sender } : of;
      if ((await this.#messaging.conversations.one(user, own)).read >= entry.n) return yes;
    } catch (error) {
      if (error instanceof CimError && !error.retryable) return unknown(error.message);
      throw error;
    }
    const tellsReading = seen.some(({ session }) => session.device !== CIM_DEVICE);
    return tellsReading ? no() : unknown("the user has CIM's client only, which does not tell what was read");
  }
}

interface Arrival {
  readonly pushed: Finding;
  readonly delivered: Finding;
}

function arrivalOf(
  { session, at, said }: SeenDevice,
  cursor: Cursor | undefined,
  highest: Cursor | undefined,
  { seq, storedAt }: Entry,
  isGroup: boolean,
): Arrival {
  const answer = said !== undefined && 'answer' in said ? said.answer : undefined;
  const acked = Math.max(cursor?.seq ?? 0, answer?.place?.acked ?? 0);
  // CIM's client begins at the end of the lobby at each login.
  const begun = isGroup && session.device === CIM_DEVICE ? session.seenAt : session.createdAt;
  if (acked >= seq)
    return begun > storedAt
      ? { pushed: unknown(LATER), delivered: unknown(LATER) }
      : { pushed: yes, delivered: yes };
  if (at === undefined || said === undefined) {
    const isBehind = cursor === undefined && (highest?.seq ?? 0) >= seq;
    const delivered = no(
      isBehind ? 'the device begins behind it: another device of the user has acknowledged it' : undefined,
    );
    return { pushed: no('the device is not connected'), delivered };
  }
  if (!('answer' in said)) {
    const why = `${said.unknown}; the store has no acknowledgement of it`;
    return { pushed: unknown(said.unknown), delivered: unknown(why) };
  }
  if (answer === undefined)
    return {
      pushed: no('the im-server has no session of this device, whatever the store says'),
      delivered: no(),
    };
  if (answer.place === undefined)
    return { pushed: no('the session does not follow this log, or not yet'), delivered: no() };
  return { pushed: answer.place.sent >= seq ? yes : no('it waits in the log'), delivered: no() };
}

/** Whether any device has acked it, also one whose record has ended. */
function deliveredOf(
  entry: Entry | undefined,
  highest: Cursor | undefined,
  devices: readonly { readonly delivered: Finding }[],
): Finding {
  if (entry === undefined) return unknown(TRIMMED);
  if ((highest?.seq ?? 0) >= entry.seq || devices.some(({ delivered }) => delivered.is === 'yes')) return yes;
  return devices.find(({ delivered }) => delivered.is === 'unknown')?.delivered ?? no();
}
