/** The proof of a login that the route gives and the im-server checks: signed with the cluster secret. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Epoch, type InstanceId, isUserId, type UserId } from './ids.ts';

export interface Ticket {
  readonly userId: UserId;
  readonly epoch: Epoch;
  /** The only server that takes it. */
  readonly instance: InstanceId;
}

const sign = (secret: string, body: string): string =>
  createHmac('sha256', secret).update(`cim-ticket-1 ${body}`).digest('base64url');

export function makeTicket(secret: string, { userId, epoch, instance }: Ticket): string {
  const body = `${userId}.${epoch}.${instance}`;
  return `${body}.${sign(secret, body)}`;
}

/** Undefined when it was not made with this secret. How long it is good the store says: clocks of servers differ. */
export function openTicket(secret: string, ticket: string): Ticket | undefined {
  if (ticket.length > 256) return undefined;
  const cut = ticket.lastIndexOf('.');
  const body = ticket.slice(0, Math.max(cut, 0));
  const given = Buffer.from(ticket.slice(cut + 1));
  const expected = Buffer.from(sign(secret, body));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const [userId, epoch, instance] = body.split('.');
  const parsed = {
    userId: Number(userId) as UserId,
    epoch: Number(epoch) as Epoch,
    instance: instance as InstanceId,
  };
  return isUserId(parsed.userId) ? parsed : undefined;
}
