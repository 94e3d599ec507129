import type { IncomingMessage } from 'node:http';
import { randomText } from './random-text.ts';

export const REQUEST_ID_HEADER = 'x-request-id';
const GIVEN = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Gives each HTTP request an id, for the log and for its answer. The id of a trusted proxy is kept. Anybody
 * else could pass a request off as another one.
 */
export function requestIds(isTrusted: (address: string) => boolean): (request: IncomingMessage) => string {
  const process = randomText(8);
  let count = 0;
  return ({ headers, socket }) => {
    const given = headers[REQUEST_ID_HEADER];
    if (typeof given === 'string' && GIVEN.test(given) && isTrusted(socket.remoteAddress ?? '')) return given;
    return `${process}.${(++count).toString(36)}`;
  };
}
