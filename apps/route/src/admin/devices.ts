/** Finds where the devices of users are, according to the store and to the im-servers that hold them. */
import type { Asked, PlaceAt, ServerCalls } from '@cim/delivery';
import type { GroupId, InstanceId, UserId } from '@cim/protocol';
import type { Session, SessionAt, Sessions } from '@cim/store';

/** A device of a user. */
export interface SeenDevice {
  readonly session: Session;
  /** The im-server with a valid lease where the device is live according to the store. */
  readonly at: SessionAt | undefined;
  /**
   * The answer of that im-server; `answer` undefined: it has no such session. Undefined: the device is not
   * live.
   */
  readonly said: Asked<PlaceAt | undefined> | undefined;
}

/**
 * Asks the store about each user, and each im-server that holds some of the devices once.
 * @param group the group whose places are asked for; '': the timelines of the users
 */
export async function seenDevices(
  users: readonly UserId[],
  group: GroupId | '',
  sessions: Pick<Sessions, 'find' | 'locate'>,
  calls: Pick<ServerCalls, 'places'>,
): Promise<Map<UserId, SeenDevice[]>> {
  const stored = await Promise.all(
    users.map(async (user) => {
      const [found, live] = await Promise.all([sessions.find(user), sessions.locate(user)]);
      return { user, found, live };
    }),
  );
  const at = new Map<InstanceId, UserId[]>();
  for (const { user, live } of stored)
    for (const instance of new Set(live.map((place) => place.instance)))
      at.set(instance, [...(at.get(instance) ?? []), user]);
  const answers = new Map(
    await Promise.all(
      [...at].map(
        async ([instance, those]) => [instance, await calls.places(those, group, instance)] as const,
      ),
    ),
  );
  const saidOf = (user: UserId, { instance, device, epoch }: SessionAt): SeenDevice['said'] => {
    const asked = answers.get(instance);
    if (asked === undefined || !('answer' in asked)) return asked;
    const answer = asked.answer.find(
      (place) => place.user === user && place.device === device && place.epoch === epoch,
    );
    return { answer };
  };
  return new Map(
    stored.map(({ user, found, live }) => [
      user,
      found.map((session) => {
        const place = live.find(({ device }) => device === session.device);
        return { session, at: place, said: place && saidOf(user, place) };
      }),
    ]),
  );
}
