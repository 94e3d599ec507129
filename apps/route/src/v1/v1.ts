/** `/v1`: HTTP for all clients but CIM's. Each resource has a file of its own; this file registers them. */
import { CODES } from '@cim/protocol';
import { UNKNOWN_PATH } from '@cim/runtime';
import type { FastifyInstance, HTTPMethods } from 'fastify';
import type { Identify } from '../identity/identify.ts';
import type { RequestLimits } from '../limits/request-limits.ts';
import type { Login } from '../login.ts';
import type { Online } from '../online.ts';
import type { RouteParts } from '../route-parts.ts';
import { addAccounts } from './accounts.ts';
import { Bearer, scopesOf } from './bearer.ts';
import { addBlocks } from './blocks.ts';
import { addConversations } from './conversations.ts';
import { addGroups } from './groups.ts';
import { addMembers } from './members.ts';
import { addMessages } from './messages.ts';
import { addOnline } from './online.ts';
import { errorProblem, problem } from './problems.ts';
import { addScheduled } from './scheduled.ts';
import { addSessions } from './sessions.ts';
import { securityOf } from './shapes.ts';
import { addUsers } from './users.ts';
import { V1, type V1App } from './v1-app.ts';

export interface V1Parts {
  readonly parts: RouteParts;
  readonly login: Login;
  readonly online: Online;
  readonly identify: Identify;
  readonly limits: RequestLimits;
}

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

export async function addV1(app: FastifyInstance, given: V1Parts): Promise<void> {
  app.decorateReply('v1Code', CODES.success.code);
  await app.register(
    (scope, _options, done) => {
      addPaths(scope, given);
      done();
    },
    { prefix: V1 },
  );
}

function addPaths(v1: V1App, { parts, login, online, identify, limits }: V1Parts): void {
  const { store, observer } = parts;
  /** Key: a path with its parameters' names. Value: its methods. */
  const methods = new Map<string, Set<string>>();
  v1.addHook('onRoute', (route) => {
    const known = methods.get(route.url) ?? new Set();
    methods.set(route.url, known);
    for (const method of [route.method].flat()) known.add(method);
    observer.pathServed(route.url);
    const scopes = scopesOf(route.onRequest);
    if (route.schema !== undefined && scopes !== undefined) route.schema.security = [...securityOf(scopes)];
    route.onSend = (_request, reply, payload, done) => {
      observer.requestAnswered(route.url, reply.v1Code, reply.elapsedTime / 1_000);
      done(null, payload);
    };
  });
  v1.setErrorHandler((error: Parameters<typeof errorProblem>[0], request, reply) =>
    errorProblem(error, request, reply),
  );
  v1.setNotFoundHandler((request, reply) => {
    observer.requestAnswered(UNKNOWN_PATH, CODES.invalid.code, reply.elapsedTime / 1_000);
    void reply.send(
      problem(reply, CODES.invalid.code, `there is no ${request.method} ${pathOf(request.url)} here`, {
        status: 404,
      }),
    );
  });

  const bearer = new Bearer(identify);
  addAccounts(v1, login);
  addUsers(v1, bearer, store);
  addBlocks(v1, bearer, store);
  addOnline(v1, bearer, online);
  addSessions(v1, bearer, parts, login);
  addConversations(v1, bearer, store, parts.messaging);
  addGroups(v1, bearer, store.groups, parts.messaging.groups, limits);
  addMembers(v1, bearer, store.groups, parts.messaging.groups, limits);
  addMessages(v1, bearer, store, parts.messaging, limits);
  addScheduled(v1, bearer, store);

  for (const [url, known] of [...methods]) {
    const allowed = METHODS.filter((method) => known.has(method)).join(', ');
    v1.route({
      url: url.slice(V1.length),
      method: METHODS.filter((method) => !known.has(method)),
      schema: { hide: true },
      // Answered before a body is read.
      onRequest: (request, reply) => {
        const detail = `${request.method} is not allowed here; ${allowed} is`;
        void reply.header('allow', allowed);
        void reply.send(problem(reply, CODES.invalid.code, detail, { status: 405 }));
      },
      handler: () => undefined,
    });
  }
}

const pathOf = (url: string): string => url.split('?')[0] ?? url;
