/** Asks the admin API of the route that served this page. The browser shows the cookie of the login by itself. */

const SESSION_ENDED = 'cim-session-ended';
const NOT_AUTHORIZED = 401;
/** A route answers a question well before that: an im-server has 2 s to answer it [ms]. */
const ANSWER_MS = 15_000;

/** The route did not do what was asked. The message is one line for people. */
export class Refused extends Error {
  /** HTTP status; 0: no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'Refused';
    this.status = status;
  }
}

/**
 * Asks a question (GET), or has something done. Only a question is given up when no answer comes: an act may be under way.
 * @param path below `/admin` @throws {Refused}
 */
export async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const silent = (): never => {
    throw new Refused(0, 'the route does not answer');
  };
  const answer = await fetch(`/admin${path}`, {
    method,
    ...(method === 'GET' && { signal: AbortSignal.timeout(ANSWER_MS) }),
    // The route takes the cookie only with this header, which pages of other origins may not send.
    headers: { 'x-cim-page': '1', ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch(silent);
  const text = await answer.text().catch(silent);
  const said = parsed(text);
  if (answer.ok) return said as T;
  if (answer.status === NOT_AUTHORIZED) dispatchEvent(new Event(SESSION_ENDED));
  const { detail } = (said ?? {}) as { readonly detail?: unknown };
  throw new Refused(
    answer.status,
    typeof detail === 'string' ? detail : `the route answered with status ${answer.status}`,
  );
}

/** Calls back when the session of the page has ended. Answers a function that ends this. */
export function onSessionEnd(listener: () => void): () => void {
  addEventListener(SESSION_ENDED, listener);
  return () => removeEventListener(SESSION_ENDED, listener);
}

function parsed(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const problemOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
