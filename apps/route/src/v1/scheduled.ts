/** Messages that are to be sent later. */
import { CimError, decodeContent, groupOf, ownerOf, type ProducerId } from '@cim/protocol';
import type { ListedMessage, NewScheduled, Store } from '@cim/store';
import { type Static, Type } from 'typebox';
import type { Bearer } from './bearer.ts';
import { contentShape, shownContent } from './contents.ts';
import { documented, oneOf, timeText } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const tags = ['scheduled'];

/** When a new message is to be sent. With neither field: now. */
export const whenShape = {
  sendAt: Type.Optional(
    timeText('send it then, by the clock of the store: with its offset, at most 30 days ahead'),
  ),
  sendAfter: Type.Optional(
    Type.Integer({ minimum: 0, description: 'send it after so many seconds; in place of `sendAt`' }),
  ),
};

const id = Type.String({ minLength: 1, maxLength: 64, description: 'of the scheduled message' });
export const AcceptedShape = Type.Object({ id, sendAt: timeText('when it will be sent') });

const Party = Type.Object({ id: Type.String(), name: Type.String() });
const ScheduledShape = Type.Object(
  {
    id,
    to: Type.Object({ user: Type.Optional(Party), group: Type.Optional(Party) }),
    type: contentShape.type,
    texts: contentShape.texts,
    body: contentShape.body,
    sendAt: timeText('when it is to be sent'),
    state: oneOf(
      ['waiting', 'sending', 'refused'],
      '`sending`: its time has come, and it can be cancelled no longer; `refused`: it was not sent, and stays listed for 7 days',
    ),
    problem: Type.Optional(
      Type.Object({
        code: Type.String({ description: 'see docs/errors.md' }),
        detail: Type.String({ description: 'why it was not sent' }),
        at: timeText('when it was refused'),
      }),
    ),
  },
  {
    examples: [
      {
        id: 'AAAAAAAAAAAAAAAAAAAAAAAA',
        to: { user: { id: '1002', name: 'bob' } },
        texts: ['happy birthday'],
        sendAt: '2026-12-24T18:00:00.000Z',
        state: 'waiting',
      },
    ],
  },
);

const WITH_OFFSET = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** The time of a request. @throws {CimError} 3000: it is not a valid time, or there are two */
export function sendTime(at?: string, afterS?: number): NewScheduled['when'] | undefined {
  if (at !== undefined && afterS !== undefined)
    throw new CimError('invalid', 'give sendAt or sendAfter, one of them');
  // JSON may hold any number. The store refuses times too far ahead.
  if (afterS !== undefined) return { afterMs: Math.min(afterS, 1e9) * 1_000 };
  if (at === undefined) return undefined;
  const time = WITH_OFFSET.test(at) ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(time))
    throw new CimError(
      'invalid',
      'sendAt must be a date and time with its offset, such as 2026-12-24T18:00:00Z',
    );
  return { at: time };
}

export function addScheduled(
  v1: V1App,
  bearer: Bearer,
  { accounts, groups, scheduled }: Pick<Store, 'accounts' | 'groups' | 'scheduled'>,
): void {
  const partyOf = async ({ to }: ListedMessage): Promise<Static<typeof ScheduledShape>['to']> => {
    const user = ownerOf(to);
    if (user !== undefined)
      return { user: { id: String(user), name: (await accounts.byId(user))?.userName ?? String(user) } };
    const group = groupOf(to);
    if (group === undefined) return {};
    return { group: { id: group, name: (await groups.find(group))?.name ?? group } };
  };
  const shown = async (message: ListedMessage): Promise<Static<typeof ScheduledShape>> => {
    const { id, sendAt, content, sending, refused } = message;
    const { type = '', texts = [], body = new Uint8Array() } = decodeContent(content) ?? {};
    return {
      id,
      to: await partyOf(message),
      ...shownContent({ type, texts, body: body.length === 0 ? undefined : body }),
      sendAt: new Date(sendAt).toISOString(),
      state: refused === undefined ? (sending ? 'sending' : 'waiting') : 'refused',
      ...(refused === undefined
        ? {}
        : { problem: { code: refused.code, detail: refused.text, at: new Date(refused.at).toISOString() } }),
    };
  };

  const list = documented(
    {},
    {
      tags,
      summary: 'List your messages that are to be sent later',
      description:
        'The next one first, all of them. A message that was refused when its time had come stays for 7 days, with its problem.',
      answers: { 200: Type.Object({ items: Type.Array(ScheduledShape) }) },
    },
  );
  v1.get('/scheduled', { onRequest: bearer.acts('send'), schema: list }, async (request) => ({
    items: await Promise.all((await scheduled.list(bearer.actor(request).userId)).map(shown)),
  }));

  const cancel = documented(
    { params: Type.Object({ id }) },
    {
      tags,
      summary: 'Cancel a message that is to be sent later',
      description: 'It is not sent then. One that was refused is listed no longer.',
      answers: { 204: null },
      problems: [404, 409],
    },
  );
  v1.delete('/scheduled/:id', { onRequest: bearer.acts('send'), schema: cancel }, async (request, reply) => {
    const { userId } = bearer.actor(request);
    switch (await scheduled.cancel(userId, request.params.id as ProducerId)) {
      case 'cancelled':
        return reply.code(204).send();
      case 'sending':
        throw new CimError('beingSent');
      case 'none':
        throw new CimError(
          'unknownMessage',
          'you have no scheduled message with this id: it was sent, or cancelled, or never there',
        );
    }
  });
}
