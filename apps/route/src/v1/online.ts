import { pageCursor, positionInCursor } from '@cim/store';
import { type Static, Type } from 'typebox';
import type { Online } from '../online.ts';
import type { Bearer } from './bearer.ts';
import { cursorText, documented, limitOf, NamedUserShape, pageOf } from './shapes.ts';
import type { V1App } from './v1-app.ts';

const LIST = 'online';
const LIMIT = 100;
const Page = pageOf(NamedUserShape, 'after');

export function addOnline(v1: V1App, bearer: Bearer, online: Online): void {
  const schema = documented(
    {
      querystring: Type.Object({
        limit: limitOf(1_000, LIMIT),
        after: cursorText('`next` of the page before'),
      }),
    },
    {
      tags: ['users'],
      summary: 'Who is online',
      description: 'Ascending by id. The answer is at most a second old.',
      answers: { 200: Page },
      known: true,
    },
  );
  v1.get('/online', { onRequest: bearer.known, schema }, async (request): Promise<Static<typeof Page>> => {
    const { limit = LIMIT, after } = request.query;
    const { users, more } = await online.page(
      limit,
      after === undefined ? 0 : Number(positionInCursor(LIST, after)),
    );
    const last = users.at(-1);
    return {
      items: users.map(({ userId, userName }) => ({ id: String(userId), name: userName })),
      ...(more && last !== undefined ? { next: pageCursor(LIST, String(last.userId)) } : {}),
    };
  });
}
