/**
 * Which `Host` a server on loopback answers to. A page from anywhere can make a browser ask a server of this machine
 * under a name of the page's own (DNS rebinding); the name in `Host` then gives it away.
 */
import { isLoopback } from './settings.ts';

/** Why a request is refused, in one line; undefined when it is not. Undefined `host`: the request has none. */
export type HostProblem = (host: string | undefined) => string | undefined;

/**
 * @param listensOn the address that the server listens on: off loopback every name is taken
 * @param allowed further names in lower case, as a proxy in front passes them on; `*` is any
 */
export function knownHosts(listensOn: string, allowed: readonly string[]): HostProblem {
  const names = new Set(allowed);
  if (!isLoopback(listensOn) || names.has('*')) return () => undefined;
  return (host) => {
    // HTTP/1.0: no browser leaves it out.
    if (host === undefined) return undefined;
    const name = hostName(host);
    if (isLoopback(name) || names.has(name)) return undefined;
    return `this server is for its own machine (localhost, 127.0.0.1, [::1]); to reach it under another name, list that in CIM_ALLOWED_HOSTS`;
  };
}

/** Without the port, in lower case. */
const hostName = (host: string): string => host.replace(/:\d{1,5}$/, '').toLowerCase();
