import { isIP } from 'node:net';

type Environment = Readonly<Record<string, string | undefined>>;

const SERVICE = /^(CIM(?:_[A-Z0-9]+)*)_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/;
const LINK = /^CIM(?:_[A-Z0-9]+)*?_PORT(?:_(\d{1,5})_(TCP|UDP|SCTP)(?:_(PROTO|PORT|ADDR))?)?$/;

/**
 * Whether Kubernetes and not an operator set this variable. Kubernetes tells each Pod of every Service of its
 * namespace; the variables of a Service called `cim` or `cim-route` begin with CIM_. Name and value must both
 * be as Kubernetes writes them, so that a misspelt setting is still an error.
 */
export function isServiceLink(name: string, value: string, env: Environment): boolean {
  const [, service] = SERVICE.exec(name) ?? [];
  if (service !== undefined) {
    // Anybody could have set a bare number. Kubernetes sets a Service's port only together with its address.
    return isIP(env[`${service}_SERVICE_HOST`] ?? '') !== 0 && (name.endsWith('_HOST') || isPort(value));
  }
  const [link, port, protocol, part] = LINK.exec(name) ?? [];
  if (link === undefined) return false;
  switch (part) {
    case 'PROTO':
      return value === protocol?.toLowerCase();
    case 'PORT':
      return value === port;
    case 'ADDR':
      return isIP(value) !== 0;
    default:
      return isLinkUrl(value, protocol, port);
  }
}

/** Whether the value is a URL such as `tcp://10.96.0.7:8083`, with IPv6 in brackets. */
function isLinkUrl(value: string, protocol?: string, port?: string): boolean {
  const [, scheme, bracketed, plain, at] =
    /^(tcp|udp|sctp):\/\/(?:\[([\da-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(value) ?? [];
  if (scheme === undefined || at === undefined || !isPort(at)) return false;
  const isAddress = bracketed === undefined ? isIP(plain ?? '') === 4 : isIP(bracketed) === 6;
  return isAddress && (protocol === undefined || scheme === protocol.toLowerCase()) && (port ?? at) === at;
}

const isPort = (value: string): boolean => /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535;
