/**
 * Decides which `Host` names a server on loopback answers to. A web page can make a browser ask a server of
 * this machine under a name of the page's own (DNS rebinding). The name in `Host` gives such a request away.
 */
import { isLoopback } from './settings.ts';

/**
 * In one line, why a request is refused; undefined when it is not. A `host` of undefined: the request has
 * none.
 */
export type HostProblem = (host: string | undefined) => string | undefined;

/**
 * Makes the check.
 * @param listensOn address that the server listens on; beyond loopback every name is accepted
 * @param allowed further names in lower case, as a proxy in front passes them on; `*` accepts every name
 */
export function knownHosts(listensOn: string, allowed: readonly string[]): HostProblem {
  const names = new Set(allowed);
  if (!isLoopback(listensOn) || names.has('*')) return () => undefined;
  return (host) => {
    // Only HTTP/1.0 may leave `Host` out, and no browser speaks it.
    if (host === undefined) return undefined;
    const name = hostName(host);
    if (isLoopback(name) || names.has(name)) return undefined;
    return `this server is for its own machine (localhost, 127.0.0.1, [::1]); to reach it under another name, list that in CIM_ALLOWED_HOSTS`;
  };
}

/** The host without its port, in lower case. */
const hostName = (host: string): string => host.replace(/:\d{1,5}$/, '').toLowerCase();
