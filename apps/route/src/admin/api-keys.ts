/** `/admin/api-keys`: makes, lists, replaces and revokes the API keys of business systems. */
import { CimError, isUserId, parseUserName, type UserId } from '@cim/protocol';
import { type ApiKey, newApiKey, prefixOf, type Scope, SCOPES } from '@cim/store';
import { Type } from 'typebox';
import { oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, CHECKED_BY_HAND, NamedUserShape } from './admin-shapes.ts';

const LABEL_CHARACTERS = 64;
const DAY_MS = 24 * 3_600_000;
const MOST_DAYS = 3_650;
const HOUR_MS = 3_600_000;
/** How long a replaced key stays valid unless the request says otherwise [hours]. */
const OVERLAP_HOURS = 24;
const MOST_OVERLAP_HOURS = 720;

const KeyShape = Type.Object(
  {
    id: Type.String(),
    prefix: Type.String({ description: 'the key begins so' }),
    label: Type.String(),
    scopes: Type.Array(oneOf(SCOPES, 'what it allows')),
    user: Type.Optional(NamedUserShape),
    createdAt: timeText('when it was made'),
    expiresAt: Type.Optional(timeText('it opens nothing from then on; absent: it does not end')),
    usedAt: Type.Optional(timeText('when it was used last, noted every 5 min')),
  },
  {
    examples: [
      {
        id: 'q3Zb0nT1bq8s',
        prefix: 'cim_q3Zb0nT1bq8s',
        label: 'billing',
        scopes: ['send'],
        user: { id: '1001', name: 'billing' },
        createdAt: '2026-11-28T12:00:00.000Z',
      },
    ],
  },
);
const NewKeyShape = Type.Object({
  ...KeyShape.properties,
  key: Type.String({ description: 'the key itself, which is shown this once' }),
});
const Keys = Type.Object({ items: Type.Array(KeyShape) });
const Wanted = Type.Object({
  label: Type.String({ minLength: 1, maxLength: LABEL_CHARACTERS }),
  scopes: Type.Array(oneOf(SCOPES, 'what it is to allow'), { minItems: 1 }),
  days: Type.Optional(Type.Integer({ minimum: 1, maximum: MOST_DAYS, description: 'it ends after that' })),
  user: Type.Optional(Type.String({ description: 'id of the one user that it acts as; or give name' })),
  name: Type.Optional(
    Type.String({ description: 'of the one user that it acts as, who is made when there is none' }),
  ),
});
const Overlap = Type.Object({
  overlapHours: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: MOST_OVERLAP_HOURS,
      description: `how long the old key goes on; without it ${OVERLAP_HOURS}`,
    }),
  ),
});
const params = Type.Object({ id: Type.String({ description: 'of the key' }) });
const tags = ['api-keys'];

export function addApiKeys(app: V1App, { parts, audited }: AdminParts): void {
  const { accounts, apiKeys } = parts.store;
  const nameOf = async (user: UserId | undefined): Promise<string | undefined> =>
    user === undefined ? undefined : (await accounts.byId(user))?.userName;
  const shown = async (key: ApiKey) => ({
    id: key.id,
    prefix: prefixOf(key),
    label: key.label,
    scopes: key.scopes,
    ...(key.user === undefined
      ? {}
      : { user: { id: String(key.user), name: (await nameOf(key.user)) ?? '' } }),
    createdAt: isoTime(key.createdAt),
    ...(key.expiresAt === undefined ? {} : { expiresAt: isoTime(key.expiresAt) }),
    ...(key.usedAt === undefined ? {} : { usedAt: isoTime(key.usedAt) }),
  });
  const store = async (made: Pick<ApiKey, 'label' | 'scopes' | 'user' | 'expiresAt'>) => {
    const { key, id, hash } = newApiKey();
    const kept: ApiKey = { ...made, id, hash, createdAt: Date.now() };
    await apiKeys.add(kept);
    return { ...(await shown(kept)), key };
  };
  const find = async (id: string): Promise<ApiKey> => {
    const key = await apiKeys.find(id);
    if (key === undefined) throw unknownKey();
    return key;
  };

  const list = adminOperation(
    {},
    { tags, summary: 'List the API keys', description: 'The oldest first.', answers: { 200: Keys } },
  );
  app.get('/api-keys', { schema: list }, async () => ({
    items: await Promise.all((await apiKeys.list()).map(shown)),
  }));

  const create = adminOperation(
    { body: Wanted },
    { tags, summary: 'Make an API key', answers: { 201: NewKeyShape }, problems: [404, 429] },
  );
  app.post('/api-keys', { schema: create, ...CHECKED_BY_HAND }, async (request, reply) => {
    const { label, scopes, days, user, name } = asked(request.body);
    const made = await audited(request, 'api-key.create', `"${label}"`, async () => {
      const actsAs = name === undefined ? user : await systemAccount(name);
      if (actsAs !== undefined && (await accounts.byId(actsAs)) === undefined)
        throw new CimError('unknownAccount', 'there is no such user');
      const expiresAt = days === undefined ? undefined : Date.now() + days * DAY_MS;
      return store({
        ...{ label, scopes },
        ...(actsAs === undefined ? {} : { user: actsAs }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
    });
    return reply.code(201).send(made);
  });

  /** The account of a bot, which nobody logs in to. */
  const systemAccount = async (name: string): Promise<UserId> => {
    const parsed = parseUserName(name);
    if (!parsed.ok) throw new CimError('invalid', parsed.problem);
    return (await accounts.register(parsed.name)).account.userId;
  };

  const rotate = adminOperation(
    { params, body: Overlap },
    {
      tags,
      summary: 'Make a key in place of another one',
      description: 'With the same scopes, user and length of life. The old one goes on for a while.',
      answers: { 201: NewKeyShape },
      problems: [404, 429],
    },
  );
  app.post('/api-keys/:id/rotate', { schema: rotate, ...CHECKED_BY_HAND }, async (request, reply) => {
    const hours = wholeNumber(fieldsOf(request.body), 'overlapHours', 0, MOST_OVERLAP_HOURS) ?? OVERLAP_HOURS;
    const { id } = request.params;
    const made = await audited(request, 'api-key.rotate', id, async () => {
      const { label, scopes, user, createdAt, expiresAt } = await find(id);
      // The new key gets the same length of life as the old one.
      const next = expiresAt === undefined ? {} : { expiresAt: Date.now() + expiresAt - createdAt };
      const successor = await store({ label, scopes, ...(user === undefined ? {} : { user }), ...next });
      if (!(await apiKeys.expire(id, Date.now() + hours * HOUR_MS))) throw unknownKey();
      return successor;
    });
    return reply.code(201).send(made);
  });

  const revoke = adminOperation(
    { params },
    { tags, summary: 'End an API key at once', answers: { 204: null }, problems: [404] },
  );
  app.delete('/api-keys/:id', { schema: revoke }, async (request, reply) => {
    await audited(request, 'api-key.revoke', request.params.id, async () => {
      if (!(await apiKeys.remove(request.params.id))) throw unknownKey();
    });
    return reply.code(204).send();
  });
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
const unknownKey = (): CimError => new CimError('unknownAccount', 'there is no such API key');
const invalid = (problem: string): CimError => new CimError('invalid', problem);

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw invalid('the body must be a JSON object');
  return body as Readonly<Record<string, unknown>>;
}

function wholeNumber(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  from: number,
  to: number,
): number | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to) return value;
  throw invalid(`${name} must be a whole number from ${from} to ${to}`);
}

interface Asked {
  readonly label: string;
  readonly scopes: readonly Scope[];
  readonly days: number | undefined;
  readonly user: UserId | undefined;
  readonly name: string | undefined;
}

/** Checks the body. @throws {CimError} 3000 */
function asked(body: unknown): Asked {
  const fields = fieldsOf(body);
  const { label, scopes, user, name } = fields;
  if (
    typeof label !== 'string' ||
    label === '' ||
    [...label].length > LABEL_CHARACTERS ||
    /\p{C}/u.test(label)
  )
    throw invalid(`label must be 1 to ${LABEL_CHARACTERS} characters that can be shown`);
  const known: readonly unknown[] = SCOPES;
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every((scope) => known.includes(scope)))
    throw invalid(`scopes must be a list of ${SCOPES.join(', ')}`);
  const days = wholeNumber(fields, 'days', 1, MOST_DAYS);
  if (user !== undefined && name !== undefined) throw invalid('give user or name, one of them');
  if (name !== undefined && typeof name !== 'string') throw invalid('name must be a text');
  const id = user === undefined ? undefined : Number(user);
  if (id !== undefined && !isUserId(id)) throw invalid('user must be a user id');
  return { label, scopes: [...new Set(scopes as Scope[])], days, user: id, name };
}
