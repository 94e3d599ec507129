/** The shapes of requests. CIM's clients send every field of their classes, so null means absent and more is ignored. */
import { type Static, Type } from 'typebox';

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
const password = optional(
  Type.String({ minLength: 1, maxLength: 256, description: 'of an account that has one' }),
);

export const RegisterRequest = Type.Object({
  ...envelopeFields,
  userName: Type.String({ description: '1 to 32 characters: letters of any script, digits, _ - .' }),
  password,
});
export const LoginRequest = Type.Object({
  ...envelopeFields,
  userId: userId('from /registerAccount'),
  userName: Type.String({ minLength: 1, maxLength: 256 }),
  password,
  wire: optional(
    Type.Integer({ minimum: 2, maximum: 2, description: '2: our own wire; the answer then has a ticket' }),
  ),
  session: optional(
    Type.String({ maxLength: 256, description: 'secret of the session that this login replaces' }),
  ),
});
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
export const OnlineQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: 'at most so many' })),
  after: Type.Optional(Type.Integer({ minimum: 0, description: 'only user ids above this' })),
});

export const Envelope = Type.Object({
  code: Type.String(),
  message: Type.String(),
  reqNo: Type.Union([Type.String(), Type.Null()]),
  dataBody: Type.Unknown(),
});

export type LoginBody = Static<typeof LoginRequest>;
export type Texts = { readonly msg?: string | null; readonly batchMsg?: readonly string[] | null };
