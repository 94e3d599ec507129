/** The content of a message as `/v1` has it: texts, or a type with a body, which is JSON or base64. */
import { CimError, cim, contentType } from '@cim/protocol';
import type { HistoryItem } from '@cim/store';
import { type Static, Type } from 'typebox';
import { NamedUserShape, timeText } from './shapes.ts';

export const contentShape = {
  type: Type.Optional(
    Type.String({
      description: 'absent: texts; `json`, `recall`, `edit`, `reaction`, or a type of your own',
    }),
  ),
  texts: Type.Optional(
    Type.Array(Type.String(), { maxItems: 100, description: 'at most 8 KiB each, 32 KiB together' }),
  ),
  body: Type.Optional(
    Type.Unknown({
      description: 'of type `json` (and `member`): any JSON; of other types: base64. At most 32 KiB',
    }),
  ),
  ref: Type.Optional(
    Type.String({ maxLength: 256, description: 'id of the message that an event is about' }),
  ),
};

/** The shape of a message as it is shown now. */
export const MessageShape = Type.Object(
  {
    id: Type.String({ description: 'the same for everybody' }),
    seq: Type.Integer({ description: "position in the user's timeline, or the group's log" }),
    n: Type.Integer({ description: 'a read mark that is set to it counts the message as read' }),
    from: NamedUserShape,
    ...contentShape,
    storedAt: timeText("the store's clock"),
    edited: Type.Optional(Type.Boolean({ description: 'the texts are those of the newest edit' })),
    editedAt: Type.Optional(timeText('when it was edited last')),
    recalled: Type.Optional(Type.Boolean({ description: 'its content is gone' })),
    reactions: Type.Optional(
      Type.Array(
        Type.Object({
          reaction: Type.String(),
          users: Type.Array(Type.String({ description: 'user id, decimal' })),
        }),
      ),
    ),
  },
  {
    examples: [
      {
        id: '1001:AAAAAAAAAAAAAAAAAAAAAAAA:7',
        seq: 12,
        n: 9,
        from: { id: '1001', name: 'alice' },
        texts: ['hello'],
        storedAt: '2026-11-28T12:00:00.000Z',
      },
    ],
  },
);

export function shownMessage(item: HistoryItem): Static<typeof MessageShape> {
  const { id, seq, n, from, type, texts, body, ref, storedAt, editedAt, recalled, reactions } = item;
  return {
    id,
    seq,
    n,
    from: { id: String(from.userId), name: from.userName },
    ...shownContent({ type, texts, body }),
    ...(ref === undefined ? {} : { ref }),
    storedAt: new Date(storedAt).toISOString(),
    ...(editedAt === undefined ? {} : { edited: true, editedAt: new Date(editedAt).toISOString() }),
    ...(recalled === true ? { recalled } : {}),
    ...(reactions === undefined
      ? {}
      : { reactions: reactions.map(({ reaction, users }) => ({ reaction, users: users.map(String) })) }),
  };
}

/** The content fields of a message. */
export const shownContent = ({
  type,
  texts,
  body,
}: Pick<HistoryItem, 'type' | 'texts'> & { readonly body: Uint8Array | undefined }): Pick<
  Static<typeof MessageShape>,
  'type' | 'texts' | 'body'
> => ({
  ...(type === '' ? {} : { type }),
  ...(texts.length === 0 ? {} : { texts: [...texts] }),
  ...(body === undefined ? {} : { body: decodeBody(type, body) }),
});

/** Stored JSON can be parsed: a content of such a type was refused otherwise. */
const decodeBody = (type: string, body: Uint8Array): unknown =>
  contentType(type).jsonBody
    ? JSON.parse(Buffer.from(body).toString())
    : Buffer.from(body).toString('base64');

interface GivenContent {
  readonly type?: string | undefined;
  readonly texts?: readonly string[] | undefined;
  readonly body?: unknown;
  readonly ref?: string | undefined;
}

/** Encodes a content. @throws {CimError} 3000: the body does not fit the type */
export function encodeContent({ type = '', texts = [], body, ref = '' }: GivenContent): Uint8Array {
  return cim.Content.encode({
    type,
    // JSON can carry half of a surrogate pair, UTF-8 cannot.
    texts: texts.map((text) => text.toWellFormed()),
    body: body === undefined ? new Uint8Array() : encodeBody(type, body),
    ref,
  }).finish();
}

function encodeBody(type: string, body: unknown): Uint8Array {
  if (contentType(type).jsonBody) {
    try {
      return Buffer.from(JSON.stringify(body));
    } catch {
      // The body has so many levels that the stack overflows, far more than a content may have.
      throw new CimError('invalid', 'the body is nested too deeply');
    }
  }
  if (type === '') throw new CimError('invalid', 'a text has no body; give a type');
  if (typeof body !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(body) || body.length % 4 !== 0)
    throw new CimError('invalid', `the body of type ${type} must be base64`);
  return Buffer.from(body, 'base64');
}
