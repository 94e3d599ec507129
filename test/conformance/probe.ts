/** Says in one line why a URL cannot be checked, before any rule is. */
import { newName } from './names.ts';
import { RawWebSocket } from './ws/web-socket.ts';

/** The server cannot be checked at all. Its message is one line for the caller. */
export class NotCheckable extends Error {}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim().slice(0, 120);

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

async function get(routeUrl: string, path: string, init: RequestInit = {}): Promise<Answer> {
  try {
    const answer = await fetch(`${routeUrl}${path}`, { ...init, signal: AbortSignal.timeout(10_000) });
    const type = answer.headers.get('content-type') ?? 'no content type';
    return { status: answer.status, type, text: await answer.text() };
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: string; readonly message?: string } };
    const why = cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : String(error));
    throw new NotCheckable(
      `no HTTP server answers at ${routeUrl}: ${oneLine(why)}. Give the URL of a route, such as http://127.0.0.1:8083`,
    );
  }
}

/** The value that a text of JSON has; undefined when it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** @throws {NotCheckable} when the URL is no route that serves CIM's paths */
export async function probeCim(routeUrl: string): Promise<void> {
  const { status, type, text } = await get(routeUrl, '/onlineUser');
  const value = parsed(text);
  if (isObject(value) && typeof value['code'] === 'string' && 'dataBody' in value) return;
  throw new NotCheckable(
    `${routeUrl} is no route of CIM: GET /onlineUser is to answer CIM's envelope, it answered HTTP ${status}, ${type}: ${oneLine(text)}`,
  );
}

/** @throws {NotCheckable} when a login on our own wire is answered like one of CIM, or not at all */
export const probeOwn = async (routeUrl: string): Promise<void> => {
  await ownPlace(routeUrl);
};

/** @throws {NotCheckable} when the im-server that a login names takes no WebSocket */
export async function probeWs(routeUrl: string): Promise<void> {
  const place = await ownPlace(routeUrl);
  const address = `${place.ip}:${place.cimServerPort}`;
  const none = (why: string) =>
    new NotCheckable(`the im-server at ${address} takes no WebSocket at /cim: ${why}`);
  try {
    const { answer, bytes } = await RawWebSocket.open(place, () => undefined);
    bytes.destroy();
    if (answer.status !== 101) throw none(`the handshake is answered by HTTP ${answer.status}`);
  } catch (error) {
    throw error instanceof NotCheckable
      ? error
      : none(error instanceof Error ? error.message : String(error));
  }
}

/** @throws {NotCheckable} when the URL serves nothing of `/v1` */
export async function probeV1(routeUrl: string): Promise<void> {
  const { status, type, text } = await get(routeUrl, '/v1/conversations');
  const value = parsed(text);
  if (status === 401 && isObject(value) && typeof value['code'] === 'string') return;
  throw new NotCheckable(
    `${routeUrl} has no /v1: GET /v1/conversations without a credential is to answer 401 and a problem, it answered HTTP ${status}, ${type}: ${oneLine(text)}`,
  );
}

/** Where an im-server is that speaks our own wire. */
async function ownPlace(routeUrl: string): Promise<{ readonly ip: string; readonly cimServerPort: number }> {
  await probeCim(routeUrl);
  const post = async (path: string, body: object, more: Readonly<Record<string, string>> = {}) => {
    const headers = { 'content-type': 'application/json', ...more };
    const { status, text } = await get(routeUrl, path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    const value = parsed(text);
    const data = isObject(value) ? value['dataBody'] : undefined;
    if (isObject(data) || (path === '/offLine' && data === null)) return data ?? {};
    throw new NotCheckable(
      `${routeUrl} takes no account without a password or no login: POST ${path} answered HTTP ${status}: ${oneLine(text)}`,
    );
  };
  const { userId, userName } = await post('/registerAccount', { userName: newName() });
  const { ticket, session, ip, cimServerPort } = await post('/login', { userId, userName, wire: 2 });
  if (typeof ticket !== 'string')
    throw new NotCheckable(
      `${routeUrl} does not speak our own wire: /login with "wire": 2 answers no ticket. --wire cim checks what it speaks`,
    );
  await post('/offLine', { userId, msg: 'x' }, { authorization: `Bearer ${String(session)}` });
  return { ip: String(ip), cimServerPort: Number(cimServerPort) };
}
