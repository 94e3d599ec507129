/**
 * The ticket of a login: the route makes it and the im-server checks it. It is signed with the cluster's key
 * for tickets.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Epoch, type InstanceId, isUserId, type UserId } from '@cim/protocol';

export interface Ticket {
  readonly userId: UserId;
  readonly epoch: Epoch;
  /** The only server that accepts it. ANY_INSTANCE: the server that the client reaches. */
  readonly instance: InstanceId;
}

const sign = (key: string, body: string): string =>
  createHmac('sha256', key).update(`cim-ticket-1 ${body}`).digest('base64url');

export function makeTicket(key: string, { userId, epoch, instance }: Ticket): string {
  const body = `${userId}.${epoch}.${instance}`;
  return `${body}.${sign(key, body)}`;
}

/**
 * Opens a ticket. Undefined when it was not made with this key. The store decides how long it is valid, since
 * clocks of servers differ.
 */
export function openTicket(key: string, ticket: string): Ticket | undefined {
  if (ticket.length > 256) return undefined;
  const cut = ticket.lastIndexOf('.');
  const body = ticket.slice(0, Math.max(cut, 0));
  const given = Buffer.from(ticket.slice(cut + 1));
  const expected = Buffer.from(sign(key, body));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const [userId, epoch, instance] = body.split('.');
  const parsed = {
    userId: Number(userId) as UserId,
    epoch: Number(epoch) as Epoch,
    instance: instance as InstanceId,
  };
  return isUserId(parsed.userId) ? parsed : undefined;
}
