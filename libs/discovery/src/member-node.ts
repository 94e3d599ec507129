import { isIP } from 'node:net';
import type { InstanceId } from '@cim/protocol';
import { type Member, memberName } from './membership.ts';

/** The data of a member's node. A server of CIM's own writes none, so its fields are absent. */
export type MemberDetails = Pick<Member, 'instance' | 'version' | 'startedAt' | 'tls' | 'moving'>;
export type MemberAddress = Pick<Member, 'host' | 'tcpPort' | 'httpPort'>;

/** Longest data that is parsed [bytes]. An im-server writes less than a tenth of it. */
const DATA_LIMIT_BYTES = 4096;

/**
 * Reads CIM's node name, `<host>:<tcpPort>:<httpPort>`; undefined for anything else. The ports are the last two
 * parts, so that an IPv6 address needs no brackets (`::1:11211:8081`); with them (`[::1]:11211:8081`) it is read too.
 */
export function parseNodeName(name: string): MemberAddress | undefined {
  const [, written, tcp, http] = /^(.{1,253}):([1-9]\d{0,4}):([1-9]\d{0,4})$/.exec(name) ?? [];
  if (written === undefined) return undefined;
  const host = written.startsWith('[') && written.endsWith(']') ? written.slice(1, -1) : written;
  const isAddress = host === written ? isIP(host) !== 0 : isIP(host) === 6;
  // A host name has no underscore, but service names of Docker have them.
  const isName = host === written && /^[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(host);
  if (!isAddress && !isName) return undefined;
  const [tcpPort, httpPort] = [Number(tcp), Number(http)];
  return tcpPort <= 65_535 && httpPort <= 65_535 ? { host, tcpPort, httpPort } : undefined;
}

/** Says in one line, for the operator, why an address cannot be announced. */
export const unannounceable = (self: Member): Error =>
  new Error(`"${memberName(self)}" cannot be announced: it is no host with two ports`);

export const encodeNodeData = ({ instance, version, startedAt, tls, moving }: Member): Buffer =>
  Buffer.from(JSON.stringify({ instance, version, startedAt, tls, moving }));

/** Reads a member's data. A server of CIM's own has none, or other data: the answer is {} then. */
export function decodeNodeData(data: Buffer | undefined): MemberDetails {
  if (data === undefined || data.length === 0 || data.length > DATA_LIMIT_BYTES) return {};
  const { instance, version, startedAt, tls, moving } = parseObject(data.toString());
  if (typeof instance !== 'string' || !/^[A-Za-z0-9_-]{16}$/.test(instance)) return {};
  return {
    instance: instance as InstanceId,
    ...(typeof version === 'string' && /^[\w.+-]{1,64}$/.test(version) ? { version } : {}),
    ...(typeof startedAt === 'number' && Number.isSafeInteger(startedAt) && startedAt >= 0
      ? { startedAt }
      : {}),
    ...(tls === 'only' || tls === 'also' ? { tls } : {}),
    ...(moving === 'drain' || moving === 'rebalance' ? { moving } : {}),
  };
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
