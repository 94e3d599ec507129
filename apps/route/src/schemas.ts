/**
 * The shapes of requests. CIM's clients send every field of their classes, so null means absent and further
 * fields are ignored.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { TOKEN_CHARACTERS } from './identity/tokens.ts';

const optional = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Optional(Type.Union([type, Type.Null()]));

const userId = (description: string) =>
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description });
const envelopeFields = {
  reqNo: Type.Optional(
    Type.Union([Type.String(), Type.Number(), Type.Null()], {
      description: 'echoed in the answer, as a text',
    }),
  ),
  timeStamp: optional(Type.Unknown()),
};
const aPassword = (description: string) => Type.String({ minLength: 1, maxLength: 256, description });
const password = optional(aPassword('of an account that has one; a new account takes 8 characters or more'));

const token = optional(
  Type.String({
    maxLength: TOKEN_CHARACTERS,
    description: 'under CIM_AUTH=jwt: of the user, signed by the business system',
  }),
);

export const RegisterRequest = Type.Object({
  ...envelopeFields,
  userName: Type.String({
    description:
      '1 to 32 characters: letters of any script, digits, _ - . A new name must not look like another one. With a token: ignored.',
  }),
  password,
  token,
});
export const LoginRequest = Type.Object({
  ...envelopeFields,
  userId: userId('from /registerAccount'),
  userName: Type.String({ minLength: 1, maxLength: 256 }),
  password,
  token,
  wire: optional(
    Type.Integer({ minimum: 2, maximum: 2, description: '2: our own wire; the answer then has a ticket' }),
  ),
  session: optional(
    Type.String({ maxLength: 256, description: 'secret of the session that this login replaces' }),
  ),
  device: optional(
    Type.String({
      description:
        'with wire 2: the installation that logs in, 16 to 64 of A-Z, a-z, 0-9, _ and -; "default" when absent',
    }),
  ),
  label: optional(
    Type.String({ description: 'with wire 2: what its user calls the device, at most 64 characters' }),
  ),
});
export const ChangePasswordRequest = Type.Object(
  {
    ...envelopeFields,
    userId: userId('whose password it is'),
    password: optional(aPassword('the one until now; absent where the account has none')),
    newPassword: aPassword('8 characters or more'),
  },
  {
    description:
      'Changes the password and ends all other sessions. A session that is shown as "Authorization: Bearer" goes on. ' +
      'To set the first password of an account, show its session and leave `password` out.',
  },
);
export const OfflineRequest = Type.Object({
  ...envelopeFields,
  userId: userId('who logs out'),
  msg: optional(Type.String()),
});
const texts = {
  msg: optional(Type.String({ description: 'a text of at most 8 KiB' })),
  batchMsg: optional(Type.Array(Type.String(), { description: 'at most 100 texts, 32 KiB together' })),
};
export const PrivateRequest = Type.Object({
  ...envelopeFields,
  userId: userId('the sender'),
  receiveUserId: userId('the recipient'),
  ...texts,
});
export const GroupRequest = Type.Object({ ...envelopeFields, userId: userId('the sender'), ...texts });
export const FetchOfflineRequest = Type.Object({ ...envelopeFields, receiveUserId: userId('who fetches') });
/** Most users in an answer without a `limit`. A header of the answer says when there are more. */
export const ONLINE_AT_MOST = 100_000;
export const OnlineQuery = Type.Object({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 10_000,
      description: `at most so many; without it ${ONLINE_AT_MOST}. "X-Cim-More: true" in the answer: ask again, after the last of these`,
    }),
  ),
  after: Type.Optional(Type.Integer({ minimum: 0, description: 'only user ids above this' })),
});

const seq = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description }));
export const HistoryQuery = Type.Object({
  userId: userId('whose streams these are'),
  stream: Type.Unsafe<'inbox' | 'lobby'>({
    type: 'string',
    enum: ['inbox', 'lobby'],
    description: 'inbox: what was sent to the user alone; lobby: to everybody',
  }),
  after: seq('the oldest entries above this seq'),
  before: seq('the newest entries below this seq; without after and before the newest of all'),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'at most so many; 50' })),
});
const HistoryEntry = Type.Object({
  seq: Type.Integer({ description: 'position in the stream, from 1, without gaps' }),
  id: Type.String({ description: 'of the message: <sender>:<producer>:<counter>' }),
  from: Type.Object({ userId: Type.Integer(), userName: Type.String() }),
  texts: Type.Array(Type.String()),
  storedAt: Type.Integer({ description: "ms since 1970, the store's clock" }),
});
const HistoryPage = Type.Object({
  entries: Type.Array(HistoryEntry, { description: 'ascending by seq' }),
  more: Type.Boolean({ description: 'whether there are further ones in the direction asked for' }),
});

/**
 * The shape, or null. A union would do the same, but its first answer would make the JSON library compile a
 * validator, which holds the event loop.
 */
const orNull = <T extends TSchema & { readonly type: string }>(shape: T) =>
  Type.Unsafe<Static<T> | null>({ ...shape, type: [shape.type, 'null'] });

const envelopeOf = <T extends Parameters<typeof Type.Object>[0][string]>(dataBody: T) =>
  Type.Object({
    code: Type.String(),
    message: Type.String(),
    reqNo: orNull(Type.String()),
    dataBody,
  });
export const Envelope = envelopeOf(Type.Unknown());
export const HistoryEnvelope = envelopeOf(orNull(HistoryPage));

export type HistoryQuestion = Pick<Static<typeof HistoryQuery>, 'stream' | 'after' | 'before' | 'limit'>;
export type HistoryEntry = Static<typeof HistoryEntry>;
export type HistoryPage = Static<typeof HistoryPage>;
export type LoginBody = Static<typeof LoginRequest>;
export type Texts = { readonly msg?: string | null; readonly batchMsg?: readonly string[] | null };
