/** Shapes and documentation that several resources of `/v1` share. */
import { TOKEN_CHARACTERS } from '../identity/tokens.ts';
import { type TObject, type TSchema, type TUnion, Type } from 'typebox';

/** Key: a pattern in a request. Value: its meaning, in words that complete `<field> must be ...`. */
export const PATTERNS = {
  userId: ['^[1-9][0-9]{0,15}$', 'a user id in decimal digits, such as "1001"'],
  groupId: ['^(lobby|[1-9][0-9]{0,15})$', 'a group id in decimal digits, such as "17", or "lobby"'],
  device: ['^(cim|default|[A-Za-z0-9_-]{16,64})$', 'a device id: 16 to 64 of A-Z, a-z, 0-9, "_" and "-"'],
  conversation: [
    '^(u[1-9][0-9]{0,15}|g(lobby|[1-9][0-9]{0,15}))$',
    '"u" and a user id, "g" and a group id, or "globby"',
  ],
} as const satisfies Record<string, readonly [pattern: string, meaning: string]>;

const textOf = (of: keyof typeof PATTERNS, description: string) =>
  Type.String({ pattern: PATTERNS[of][0], description });
export const userIdText = (description: string) => textOf('userId', description);
export const groupIdText = (description: string) => textOf('groupId', description);

export const tokenText = Type.String({
  minLength: 1,
  maxLength: TOKEN_CHARACTERS,
  description: 'under CIM_AUTH=jwt: of the user, signed by the business system',
});

export const deviceText = (description: string) => textOf('device', description);
export const conversationText = (description: string) => textOf('conversation', description);

export const NamedUserShape = Type.Object({
  id: Type.String({ description: 'user id, decimal' }),
  name: Type.String(),
});
/** A shape whose value is one of some words. */
export const oneOf = <const W extends string>(words: readonly W[], description: string) =>
  Type.Unsafe<W>({ type: 'string', enum: words, description });
export const timeText = (description: string) => Type.String({ format: 'date-time', description });

/** The shape of one page of a list. `next` is there when there is more. */
export const pageOf = (items: TSchema, how: string) =>
  Type.Object({
    items: Type.Array(items),
    next: Type.Optional(Type.String({ description: `there is more: pass it on as \`${how}\`` })),
  });
export const limitOf = (atMost: number, usual: number) =>
  Type.Optional(
    Type.Integer({ minimum: 1, maximum: atMost, description: `items at most; without it ${usual}` }),
  );
export const cursorText = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 512, description }));

const ProblemShape = Type.Object(
  {
    type: Type.String({ description: 'urn:cim:code:<code>' }),
    title: Type.String({ description: 'what the code means' }),
    status: Type.Integer(),
    code: Type.String({ description: 'see docs/errors.md' }),
    detail: Type.String({ description: 'what was wrong, and what to do' }),
  },
  {
    examples: [
      {
        type: 'urn:cim:code:9200',
        title: 'There is no such group',
        status: 404,
        code: '9200',
        detail: 'There is no such group',
      },
    ],
  },
);
const MEANINGS: Readonly<Record<number, string>> = {
  400: 'The request is wrong (3000), or names an unknown type, another list or a mark beyond the end',
  401: 'No credential that counts, or a wrong name or password (9100); one that is too old (9504)',
  403: 'Not a member, or not allowed to (9201, 9202, 9203, 9402); a credential that does not allow this (9503); a Host that is not known (3000)',
  404: 'What the request names is not there',
  409: 'It does not go together with what is there',
  413: 'The body is longer than 256 KiB (3000)',
  415: 'The body is not JSON (3000)',
  429: 'Too much at once: wait as long as Retry-After says (6000)',
  503: 'Not done, or not known to be: repeat it after Retry-After (4000, 7100)',
};
const problemAnswer = (status: number) => ({
  description: MEANINGS[status] ?? 'A problem',
  content: { 'application/problem+json': { schema: ProblemShape } },
});

/** Problems that any request may be answered with. */
const ALWAYS = [400, 403, 503] as const;
/** Further problems of a request with a body. */
const WITH_BODY = [413, 415] as const;

type Security = Readonly<Record<string, string[]>>;

/**
 * Security of an operation that needs a credential. @param scopes an API key needs one of these; []: no API
 * key may
 */
export const securityOf = (scopes: readonly string[]): readonly Security[] => [
  { session: [] },
  { token: [] },
  ...(scopes.length === 0 ? [] : [{ apiKey: [...scopes] }]),
];

/**
 * Security of an operation with information for every holder of a credential; under CIM_AUTH=open none is
 * needed.
 */
const KNOWN: readonly Security[] = [{ session: [] }, { token: [] }, { apiKey: [] }, {}];

/** The description of an operation and its answers. Answers are documented and serialized by their shapes. */
export interface Operation {
  readonly tags: string[];
  readonly summary: string;
  readonly description?: string;
  /** Key: status. Null: an answer without a body. */
  readonly answers: Readonly<Record<number, TSchema | null>>;
  /** Statuses of problems besides those of every request. */
  readonly problems?: readonly number[];
  /** Whether no session is needed. */
  readonly open?: boolean;
  /** Whether no credential is needed under CIM_AUTH=open. */
  readonly known?: boolean;
  /** Whether it accepts `Idempotency-Key`. */
  readonly keyed?: boolean;
}

const KeyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        '1 to 255 characters of your choice: a request that is repeated with them is carried out once',
    }),
  ),
});

/** Makes the schema of a path: the shapes of its request, and its part of `/documentation`. */
export function documented<R extends { body?: TObject | TUnion; querystring?: TObject; params?: TObject }>(
  request: R,
  { answers, problems = [], open = false, known = false, keyed = false, ...texts }: Operation,
): R & { readonly response: Record<string, unknown> } {
  const statuses = [
    ...ALWAYS,
    ...(open ? [] : [401]),
    ...(request.body === undefined ? [] : WITH_BODY),
    ...problems,
  ];
  return {
    ...request,
    ...texts,
    ...(keyed ? { headers: KeyHeader } : {}),
    // For a path with `Bearer.acts`, v1.ts writes it.
    security: known ? [...KNOWN] : ([] as Security[]),
    response: {
      ...Object.fromEntries(statuses.map((status) => [status, problemAnswer(status)])),
      ...Object.fromEntries(
        Object.entries(answers).map(([status, shape]) => [
          status,
          shape ?? { description: 'Done', type: 'null' },
        ]),
      ),
    },
  };
}
