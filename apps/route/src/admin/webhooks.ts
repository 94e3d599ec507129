/** `/admin/webhooks`: who is told of events, how each fares, and events that could not be told. */
import { CimError } from '@cim/protocol';
import { loggedHost, newWebhookSecret, outcallUrlProblem, webhookSecretProblem } from '@cim/outcall';
import { randomText } from '@cim/runtime';
import {
  EVENT_TYPES,
  kindsFor,
  type Letter,
  letterOf,
  lettersOf,
  MOST_BATCH,
  nextSecrets,
  type Webhook,
  webhookFields,
  type WebhookHealth,
  WEBHOOKS_AT_MOST,
} from '@cim/store';
import { type Static, Type } from 'typebox';
import { oneOf, timeText } from '../v1/shapes.ts';
import type { V1App } from '../v1/v1-app.ts';
import type { AdminParts } from './admin-parts.ts';
import { adminOperation, CHECKED_BY_HAND } from './admin-shapes.ts';

const OVERLAP_HOURS = 24;
const MOST_OVERLAP_HOURS = 720;
const HOUR_MS = 3_600_000;
const LETTERS_SHOWN = 200;
/** Two operators who change one webhook at once. */
const TRIES = 5;

const WebhookShape = Type.Object(
  {
    id: Type.String(),
    url: Type.String(),
    events: Type.Array(Type.String()),
    only: Type.Optional(Type.Array(Type.String(), { description: 'absent: events of all conversations' })),
    batch: Type.Integer({ description: 'events of one request at most' }),
    state: oneOf(['well', 'failing', 'off'], 'how it fares'),
    problem: Type.Optional(Type.String({ description: 'why it fails, or is off' })),
    failingSince: Type.Optional(timeText('since when no request was answered well')),
    setting: Type.Optional(
      Type.String({ description: 'its name in the file of CIM_WEBHOOKS_FILE, which declares it' }),
    ),
    secrets: Type.Integer({ description: 'how many sign: 2 while one is replaced' }),
    createdAt: timeText('when it was made'),
  },
  {
    examples: [
      {
        ...{ id: 'q3Zb0nT1bq8s', url: 'https://crm.example.com/cim', events: ['message.stored'], batch: 1 },
        ...{ state: 'well', secrets: 1, createdAt: '2026-11-28T12:00:00.000Z' },
      },
    ],
  },
);
const NewWebhookShape = Type.Object({
  ...WebhookShape.properties,
  secret: Type.String({ description: 'what requests are signed with, which is shown this once' }),
});
const SecretShape = Type.Object({
  secret: Type.String({ description: 'the new secret, which is shown this once' }),
  oldUntil: timeText('until when the one before signs too'),
});
const List = Type.Object({ items: Type.Array(WebhookShape) });
const urlText = Type.String({
  description: 'https, outside the network unless CIM_OUTCALL_HOSTS names its host',
});
const given = {
  events: Type.Array(Type.String(), {
    description: `types of events, or all of a kind: ${EVENT_TYPES.join(', ')}, group.*, *`,
  }),
  only: Type.Optional(
    Type.Array(Type.String(), {
      description: 'conversations: u1001 (from or to that user), g17, globby; [] for all',
    }),
  ),
  batch: Type.Optional(
    Type.Integer({ minimum: 1, maximum: MOST_BATCH, description: 'events of one request at most; 1' }),
  ),
};
const New = Type.Object({
  url: urlText,
  ...given,
  secret: Type.Optional(Type.String({ description: 'whsec_ and base64; one is made without it' })),
});
const Changes = Type.Object({
  url: Type.Optional(urlText),
  events: Type.Optional(given.events),
  only: given.only,
  batch: given.batch,
  on: Type.Optional(Type.Boolean({ description: 'whether it is told of events' })),
});
const Overlap = Type.Object({
  overlapHours: Type.Optional(
    Type.Integer({
      ...{ minimum: 0, maximum: MOST_OVERLAP_HOURS },
      description: `how long the old secret signs too; without it ${OVERLAP_HOURS}`,
    }),
  ),
});
const LetterShape = Type.Object({
  id: Type.String({ description: 'of the event' }),
  type: Type.String(),
  state: oneOf(['waiting', 'dead'], 'a dead one is told no more unless it is replayed'),
  failed: Type.Integer({ description: 'how often it has failed' }),
  problem: Type.String(),
  at: timeText('when it is tried next; of a dead one when it died'),
  event: Type.Unknown({ description: 'as it is told' }),
});
const LettersShape = Type.Object({
  items: Type.Array(LetterShape, { description: `the oldest first, ${LETTERS_SHOWN} at most` }),
  waiting: Type.Integer(),
  dead: Type.Integer(),
});
const Which = Type.Object({
  event: Type.Optional(Type.String({ description: 'id of an event; all dead ones without it' })),
});
const Count = Type.Object({ events: Type.Integer({ description: 'how many' }) });
const params = Type.Object({ id: Type.String({ description: 'of the webhook' }) });
const tags = ['webhooks'];

export function addWebhooks(app: V1App, { parts, audited }: AdminParts): void {
  const { webhooks, feed } = parts.store;
  const allowed = parts.config.outcallHosts ?? [];

  const find = async (id: string): Promise<Webhook> => {
    const webhook = (await webhooks.list()).items.find((one) => one.id === id);
    if (webhook === undefined) throw unknownWebhook();
    return webhook;
  };
  /** What is recorded follows at once; a relay would see to it a moment later. */
  const recordNow = async (): Promise<void> => {
    const { revision, items } = await webhooks.list();
    await feed.record({ revision, kinds: kindsFor(items) });
  };
  const change = async (id: string, to: (webhook: Webhook) => Webhook): Promise<Webhook> => {
    for (let i = 0; i < TRIES; i++) {
      const before = await find(id);
      const next = { ...to(before), version: before.version + 1 };
      if ((await webhooks.put(next)) !== 'ok') continue;
      await recordNow();
      return next;
    }
    throw new CimError('failure', 'others change this webhook at the same time; try again');
  };

  const list = adminOperation(
    {},
    { tags, summary: 'List the webhooks', description: 'The oldest first.', answers: { 200: List } },
  );
  app.get('/webhooks', { schema: list }, async () => {
    const [{ items }, health] = await Promise.all([webhooks.list(), webhooks.health()]);
    return { items: items.map((webhook) => shown(webhook, health.get(webhook.id))) };
  });

  const create = adminOperation(
    { body: New },
    { tags, summary: 'Make a webhook', answers: { 201: NewWebhookShape }, problems: [429] },
  );
  app.post('/webhooks', { schema: create, ...CHECKED_BY_HAND }, async (request, reply) => {
    const fields = fieldsOf(request.body);
    const made = await audited(request, 'webhook.create', loggedHost(String(fields['url'])), async () => {
      const {
        url,
        events,
        only,
        batch = 1,
      } = webhookFields(fields, (text) => outcallUrlProblem(text, allowed));
      if (url === undefined) throw invalid('url must be given');
      if (events === undefined) throw invalid('events must be given');
      const secret = secretOf(fields['secret']) ?? newWebhookSecret();
      const webhook: Webhook = {
        ...{ id: randomText(12), version: 1, url, secrets: [{ secret }], events, batch },
        ...(only === undefined || only.length === 0 ? {} : { only }),
        createdAt: Date.now(),
      };
      if ((await webhooks.put(webhook)) === 'full')
        throw new CimError(
          'limited',
          `there are ${WEBHOOKS_AT_MOST} webhooks; remove those that nobody uses`,
        );
      await recordNow();
      return { ...shown(webhook, undefined), secret };
    });
    return reply.code(201).send(made);
  });

  const alter = adminOperation(
    { params, body: Changes },
    {
      tags,
      summary: 'Change a webhook, or turn it off and on',
      description:
        'What is not named stays. One that is turned on again is told of what is stored from then on.',
      answers: { 200: WebhookShape },
      problems: [404],
    },
  );
  app.put('/webhooks/:id', { schema: alter, ...CHECKED_BY_HAND }, (request) => {
    const { id } = request.params;
    return audited(request, 'webhook.change', id, async () => {
      const fields = fieldsOf(request.body);
      const { url, events, only, batch } = webhookFields(fields, (text) => outcallUrlProblem(text, allowed));
      const { on } = fields;
      if (on !== undefined && typeof on !== 'boolean') throw invalid('on must be true or false');
      const changed = await change(id, ({ off, only: onlyBefore, ...before }) => {
        if ([url, events, only, batch].some((field) => field !== undefined)) requireUndeclared(before);
        const limits = only ?? onlyBefore ?? [];
        const isOff = on === undefined ? off : on ? undefined : 'turned off by an operator';
        return {
          ...before,
          ...(url === undefined ? {} : { url }),
          ...(events === undefined ? {} : { events }),
          ...(batch === undefined ? {} : { batch }),
          ...(limits.length === 0 ? {} : { only: limits }),
          ...(isOff === undefined ? {} : { off: isOff }),
        };
      });
      return shown(changed, (await webhooks.health()).get(id));
    });
  });

  const rotate = adminOperation(
    { params, body: Overlap },
    {
      tags,
      summary: 'Make a secret in place of the one before',
      description: 'Both sign for a while, so that the receiver can be given the new one without a gap.',
      answers: { 200: SecretShape },
      problems: [404],
    },
  );
  app.post('/webhooks/:id/rotate', { schema: rotate, ...CHECKED_BY_HAND }, (request) =>
    audited(request, 'webhook.rotate', request.params.id, async () => {
      const { overlapHours: hours = OVERLAP_HOURS } = fieldsOf(request.body);
      if (!isWhole(hours, 0, MOST_OVERLAP_HOURS))
        throw invalid(`overlapHours must be a whole number from 0 to ${MOST_OVERLAP_HOURS}`);
      const secret = newWebhookSecret();
      const until = Date.now() + hours * HOUR_MS;
      await change(request.params.id, (before) => {
        requireUndeclared(before);
        return { ...before, secrets: nextSecrets(before.secrets, secret, until, Date.now()) };
      });
      return { secret, oldUntil: new Date(until).toISOString() };
    }),
  );

  const remove = adminOperation(
    { params },
    { tags, summary: 'Remove a webhook and its letters', answers: { 204: null }, problems: [404] },
  );
  app.delete('/webhooks/:id', { schema: remove }, async (request, reply) => {
    await audited(request, 'webhook.remove', request.params.id, async () => {
      if (!(await webhooks.remove(request.params.id))) throw unknownWebhook();
      await recordNow();
    });
    return reply.code(204).send();
  });

  /** The oldest first. */
  const lettersFor = async (id: string) =>
    (await feed.letters(lettersOf(id)))
      .map(({ partition, name, text }) => ({ partition, name, text, letter: letterOf(text) }))
      .sort((one, other) => (one.letter.event.timestamp < other.letter.event.timestamp ? -1 : 1));

  const letters = adminOperation(
    { params },
    {
      tags,
      summary: 'List the events that a webhook has not taken',
      answers: { 200: LettersShape },
      problems: [404],
    },
  );
  app.get('/webhooks/:id/letters', { schema: letters }, async (request) => {
    await find(request.params.id);
    const all = await lettersFor(request.params.id);
    const dead = all.filter(({ letter }) => letter.dead === true).length;
    return {
      items: all.slice(0, LETTERS_SHOWN).map(({ letter }) => shownLetter(letter)),
      ...{ waiting: all.length - dead, dead },
    };
  });

  /** Changes dead letters. */
  const withDead = async (id: string, event: unknown, to: (letter: Letter) => Letter | undefined) => {
    if (event !== undefined && typeof event !== 'string') throw invalid('event must be the id of an event');
    await find(id);
    let events = 0;
    for (const { partition, name, text, letter } of await lettersFor(id)) {
      if (letter.dead !== true || (event !== undefined && letter.event.id !== event)) continue;
      const next = to(letter);
      if (await feed.changeLetter(partition, name, text, next && JSON.stringify(next))) events++;
    }
    if (event !== undefined && events === 0)
      throw new CimError('unknownWebhook', 'this webhook has no dead letter of that event');
    return { events };
  };

  const replay = adminOperation(
    { params, body: Which },
    {
      tags,
      summary: 'Tell dead letters again',
      description: 'Within a few seconds, with all tries anew.',
      answers: { 200: Count },
      problems: [404],
    },
  );
  app.post('/webhooks/:id/replay', { schema: replay, ...CHECKED_BY_HAND }, (request) =>
    audited(request, 'webhook.replay', request.params.id, () =>
      withDead(request.params.id, fieldsOf(request.body)['event'], ({ event, conversation }) => ({
        ...{ event, conversation, failed: 0, at: 0 },
        problem: 'an operator has it told again',
      })),
    ),
  );

  const forget = adminOperation(
    { params },
    { tags, summary: 'Forget all dead letters', answers: { 200: Count }, problems: [404] },
  );
  app.delete('/webhooks/:id/letters', { schema: forget }, (request) =>
    audited(request, 'webhook.forget', request.params.id, () =>
      withDead(request.params.id, undefined, () => undefined),
    ),
  );
}

const shown = (
  { id, url, events, only, batch, off, secrets, createdAt, setting }: Webhook,
  health: WebhookHealth | undefined,
): Static<typeof WebhookShape> => {
  const { failingSince } = health ?? {};
  const problem = off ?? health?.problem;
  return {
    ...{ id, url, events: [...events], batch },
    ...(only === undefined ? {} : { only: [...only] }),
    state: off !== undefined ? 'off' : failingSince === undefined ? 'well' : 'failing',
    ...(problem === undefined ? {} : { problem }),
    ...(failingSince === undefined || off !== undefined
      ? {}
      : { failingSince: new Date(failingSince).toISOString() }),
    ...(setting === undefined ? {} : { setting }),
    secrets: secrets.filter(({ until }) => until === undefined || until > Date.now()).length,
    createdAt: new Date(createdAt).toISOString(),
  };
};

const shownLetter = ({ event, failed, at, dead, problem }: Letter): Static<typeof LetterShape> => ({
  ...{ id: event.id, type: event.type, failed, problem, event },
  state: dead === true ? 'dead' : 'waiting',
  at: new Date(at).toISOString(),
});

/** @throws {CimError} 3000: a file declares the webhook */
function requireUndeclared({ setting }: Pick<Webhook, 'setting'>): void {
  if (setting !== undefined)
    throw invalid(
      `the file of CIM_WEBHOOKS_FILE declares this webhook as ${JSON.stringify(setting)}: change it there`,
    );
}

const unknownWebhook = (): CimError => new CimError('unknownWebhook');
const invalid = (problem: string): CimError => new CimError('invalid', problem);
const isWhole = (value: unknown, from: number, to: number): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to;

function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'object' || Array.isArray(body)) throw invalid('the body must be a JSON object');
  return body as Readonly<Record<string, unknown>>;
}

function secretOf(secret: unknown): string | undefined {
  if (secret === undefined) return undefined;
  const problem = typeof secret === 'string' ? webhookSecretProblem(secret) : 'must be a text';
  if (problem !== undefined) throw invalid(`secret ${problem}`);
  return secret as string;
}
