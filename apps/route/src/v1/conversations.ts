import { CimError } from '@cim/protocol';
import type { Messaging } from '@cim/delivery';
import {
  type Conversation,
  conversationName,
  type ConversationRef,
  parseConversation,
  type Store,
} from '@cim/store';
import { type Static, Type } from 'typebox';
import type { Bearer } from './bearer.ts';
import { MessageShape, shownMessage } from './contents.ts';
import { conversationText, cursorText, documented, limitOf, pageOf } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const LIMIT = 50;
const tags = ['conversations'];
const params = Type.Object({
  id: conversationText('of the conversation: u1002 with that user, g17 of that group, globby of the lobby'),
});

const ConversationShape = Type.Object(
  {
    id: Type.String({
      description: '`u` and the id of the other user, `g` and the id of the group, or `globby`',
    }),
    name: Type.String({ description: 'of the other user, or of the group' }),
    last: Type.Optional(MessageShape),
    unread: Type.Integer({ description: 'messages of others above the read mark' }),
    read: Type.Integer({ description: 'the read mark: messages with an `n` up to it count as read' }),
    n: Type.Integer({ description: 'a read mark can be set up to here' }),
    peerRead: Type.Optional(
      Type.Integer({
        description:
          "how far the other user has read, in `n` of that user's timeline; only of a conversation that is asked for alone",
      }),
    ),
  },
  {
    examples: [
      {
        id: 'u1001',
        name: 'alice',
        last: {
          id: '1001:AAAAAAAAAAAAAAAAAAAAAAAA:7',
          seq: 12,
          n: 9,
          from: { id: '1001', name: 'alice' },
          texts: ['hello'],
          storedAt: '2026-11-28T12:00:00.000Z',
        },
        unread: 1,
        read: 8,
        n: 9,
      },
    ],
  },
);
const ConversationPage = pageOf(ConversationShape, 'before');
const ReadMark = Type.Object(
  {
    n: Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description: '`n` of the newest message that was read',
    }),
  },
  { examples: [{ n: 9 }] },
);
const ReadState = Type.Object(
  { unread: ConversationShape.properties.unread, read: ConversationShape.properties.read },
  { examples: [{ unread: 0, read: 9 }] },
);

const MessagePage = Type.Object({
  ...pageOf(MessageShape, 'before` or `after').properties,
  before: Type.Optional(Type.String({ description: 'cursor of older messages; absent when there are none' })),
  after: Type.Optional(
    Type.String({ description: 'cursor of newer messages, also of those that will come' }),
  ),
});

export function addConversations(
  v1: V1App,
  bearer: Bearer,
  { accounts }: Pick<Store, 'accounts'>,
  { histories, conversations, reads }: Pick<Messaging, 'histories' | 'conversations' | 'reads'>,
): void {
  const list = documented(
    {
      querystring: Type.Object({
        limit: limitOf(100, LIMIT),
        before: cursorText('`next` of the page before'),
      }),
    },
    {
      tags,
      summary: 'List the own conversations',
      description: 'Newest first: private ones, groups, and the lobby once somebody has written there.',
      answers: { 200: ConversationPage },
    },
  );
  v1.get(
    '/conversations',
    { onRequest: bearer.acts('read'), schema: list },
    async (request): Promise<Static<typeof ConversationPage>> => {
      const { limit = LIMIT, before } = request.query;
      const { items, next } = await conversations.list(bearer.actor(request).userId, { limit, before });
      return { items: items.map(shownConversation), ...(next === undefined ? {} : { next }) };
    },
  );

  const one = documented(
    { params },
    { tags, summary: 'Read a conversation', answers: { 200: ConversationShape }, problems: [404] },
  );
  v1.get('/conversations/:id', { onRequest: bearer.acts('read'), schema: one }, async (request) =>
    shownConversation(await conversations.one(bearer.actor(request).userId, refOf(request.params.id))),
  );

  const read = documented(
    { params, body: ReadMark },
    {
      tags,
      summary: 'Move the read mark',
      description:
        'Never back, and never above what exists. The other side, and a group of up to 200, is told.',
      answers: { 200: ReadState },
      problems: [404],
    },
  );
  v1.put('/conversations/:id/read', { onRequest: bearer.acts('read'), schema: read }, async (request) => {
    const { userId, userName } = bearer.actor(request);
    const { unread, read } = await reads.read({ userId, userName }, refOf(request.params.id), request.body.n);
    return { unread, read };
  });

  const messages = documented(
    {
      params,
      querystring: Type.Object({
        limit: limitOf(100, LIMIT),
        before: cursorText('older messages than of that page; without it and `after` the newest'),
        after: cursorText('newer messages than of that page'),
      }),
    },
    {
      tags,
      summary: 'Read the messages of a conversation',
      description:
        'Oldest first, of both sides. Pages have no gaps and no overlaps while messages arrive. Edits, recalls and ' +
        'reactions are folded into the messages that they are about. A page may be shorter than its limit; `next` ' +
        'tells whether there is more.',
      answers: { 200: MessagePage },
      problems: [404],
    },
  );
  v1.get(
    '/conversations/:id/messages',
    { onRequest: bearer.acts('read'), schema: messages },
    async (request): Promise<Static<typeof MessagePage>> => {
      const { limit = LIMIT, before, after } = request.query;
      const of = refOf(request.params.id);
      const page = await histories.page(bearer.actor(request).userId, of, { limit, before, after });
      if (page.items.length === 0) await requirePeer(accounts, of);
      const next = page.more ? (after === undefined ? page.before : page.after) : undefined;
      return {
        items: page.items.map(shownMessage),
        ...(page.before === undefined ? {} : { before: page.before }),
        ...(page.after === undefined ? {} : { after: page.after }),
        ...(next === undefined ? {} : { next }),
      };
    },
  );
}

function shownConversation(conversation: Conversation): Static<typeof ConversationShape> {
  const { of, name, last, unread, read, n, peerRead } = conversation;
  return {
    ...{ id: conversationName(of), name, unread, read, n },
    ...(last === undefined ? {} : { last: shownMessage(last) }),
    ...(peerRead === undefined ? {} : { peerRead }),
  };
}

/** Parses the id of a conversation. @throws {CimError} 9100: the id is too large to be a user's */
function refOf(id: string): ConversationRef {
  const of = parseConversation(id);
  if (of === undefined) throw new CimError('unknownAccount', 'there is no such user');
  return of;
}

/** Checks the peer of a private conversation. @throws {CimError} 9100: the peer does not exist */
async function requirePeer(accounts: Store['accounts'], of: ConversationRef): Promise<void> {
  if (of.kind === 'user' && (await accounts.byId(of.user)) === undefined)
    throw new CimError('unknownAccount', 'there is no such user');
}
