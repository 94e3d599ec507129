/** `GET /admin/messages/:id`: where one message is, from its store to its readers. */
import { CimError, contentFacts, groupOf, LOBBY, type NamedUser, type StreamRef } from '@cim/protocol';
import {
  type ConversationRef,
  conversationName,
  type Entry,
  HistoryItems,
  LogScans,
  pageCursor,
  positionInCursor,
  parseConversation,
  type Store,
} from '@cim/store';
import { type Static, Type } from 'typebox';
import { conversationText, cursorText, limitOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, NamedUserShape, unknownText, userParam } from './admin-shapes.ts';
import { isoTime, namedUser, nameOf, shownUser } from './named-user.ts';
import { Arrivals, RecipientShape } from './trace/arrivals.ts';
import { MessageFinder, parseMessageId } from './trace/find-message.ts';

const LIMIT = 20;
const MOST = 100;

const Trace = Type.Object(
  {
    id: Type.String(),
    conversation: Type.String({ description: 'as its sender names it: u<id> or g<id>' }),
    from: NamedUserShape,
    to: Type.Object({ user: Type.Optional(NamedUserShape), group: Type.Optional(NamedUserShape) }),
    storedAt: timeText('when it was stored'),
    kept: Type.Boolean({ description: 'whether the log that it was sent to holds it still' }),
    seq: Type.Optional(Type.Integer({ description: 'its place in that log; absent when that is not known' })),
    type: Type.Optional(Type.String({ description: "'' for plain text" })),
    recalled: Type.Optional(Type.Boolean()),
    recipients: Type.Array(RecipientShape),
    next: Type.Optional(Type.String({ description: 'there are more members: pass it on as `after`' })),
    unknown: unknownText,
  },
  {
    examples: [
      {
        id: '1001:Zk3v0nT1bq8sYw2A:7',
        conversation: 'u1002',
        from: { id: '1001', name: 'alice' },
        to: { user: { id: '1002', name: 'bob' } },
        storedAt: '2026-11-28T12:00:00.000Z',
        kept: true,
        seq: 42,
        type: '',
        recalled: false,
        recipients: [
          {
            user: { id: '1002', name: 'bob' },
            delivered: { is: 'yes' },
            read: { is: 'no' },
            devices: [
              {
                device: 'q0Zb0nT1bq8sYw2A',
                label: 'phone',
                server: 'q3Zb0nT1bq8sYw2A',
                pushed: { is: 'yes' },
                delivered: { is: 'yes' },
              },
            ],
          },
        ],
      },
    ],
  },
);

export function addMessages(app: V1App, { parts, audited }: AdminParts): void {
  const { store, messaging } = parts;
  const finder = new MessageFinder(store);
  const arrivals = new Arrivals(store, messaging);
  const schema = adminOperation(
    {
      params: Type.Object({
        id: Type.String({ maxLength: 128, description: 'of the message, as an answer to a send has it' }),
      }),
      querystring: Type.Object({
        in: Type.Optional(
          conversationText('the conversation, as its sender names it; where the id alone does not tell'),
        ),
        user: Type.Optional({ ...userParam, description: 'the only member of the group to tell of' }),
        limit: limitOf(MOST, LIMIT),
        after: cursorText('`next` of the page before'),
      }),
    },
    {
      tags: ['messages'],
      summary: 'Trace a message',
      description:
        'When it was stored, and for each recipient: whether it went out to each device, was acknowledged, was read. That is ' +
        'what the store and the im-servers know now; nobody writes down when a message went out.',
      answers: { 200: Trace },
      problems: [404],
    },
  );
  app.get(
    '/messages/:id',
    { schema },
    (request): Promise<Static<typeof Trace>> =>
      audited(request, 'message.trace', request.params.id, async () => {
        const name = parseMessageId(request.params.id);
        const { in: hint, user: only, limit = LIMIT, after } = request.query;
        const found = await finder.find(name, hint === undefined ? undefined : parseConversation(hint));
        const { of, stream, entry, copy } = found;
        const shown = entry ?? copy;
        if (shown === undefined) throw new CimError('unknownMessage');
        const to =
          of.kind === 'user'
            ? { user: { id: String(of.user), name: await nameOf(store, of.user) } }
            : { group: { id: of.group, name: await groupName(store, stream) } };
        const about = {
          id: name.id,
          conversation: conversationName(of),
          from: shownUser(shown.sender),
          to,
          storedAt: isoTime(shown.storedAt),
          kept: entry !== undefined,
          ...(entry !== undefined && {
            seq: entry.seq,
            recalled: await isRecalled(store, stream, entry),
          }),
          type: contentFacts(shown.content).type,
        };
        const { items: users, next } = await recipientsOf(store, of, { only, limit, after });
        return {
          ...about,
          recipients: await arrivals.of(found, name.sender, users),
          ...(next !== undefined && { next }),
          ...(of.kind === 'group' &&
            of.group === LOBBY &&
            only === undefined && { unknown: 'every user is a member of the lobby: name one' }),
        };
      }),
  );
}

async function groupName({ groups }: Pick<Store, 'groups'>, stream: StreamRef): Promise<string> {
  const group = groupOf(stream);
  return group === undefined || group === LOBBY ? LOBBY : ((await groups.find(group))?.name ?? '');
}

async function isRecalled(
  { streams }: Pick<Store, 'streams'>,
  stream: StreamRef,
  entry: Entry,
): Promise<boolean> {
  const [shown] = await new HistoryItems(streams, new LogScans(streams)).of(stream, [entry]);
  return shown?.recalled === true;
}

/**
 * The recipients of a message; of a group one page of members. Of the lobby only the one that was asked for,
 * since its members are all users.
 */
async function recipientsOf(
  store: Pick<Store, 'accounts' | 'groups'>,
  of: ConversationRef,
  asked: { readonly only: string | undefined; readonly limit: number; readonly after: string | undefined },
): Promise<{ readonly items: readonly NamedUser[]; readonly next?: string }> {
  const { only, limit, after } = asked;
  if (of.kind === 'user')
    return { items: [(await store.accounts.byId(of.user)) ?? { userId: of.user, userName: '' }] };
  if (only !== undefined) return { items: [await namedUser(store, only)] };
  if (of.group === LOBBY) return { items: [] };
  const list = `trace:${of.group}`;
  const place = after === undefined ? undefined : positionInCursor(list, after);
  const { items, next } = await store.groups.members(of.group, limit, place);
  return { items, ...(next !== undefined && { next: pageCursor(list, next) }) };
}
