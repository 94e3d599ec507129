/** The path of a send to the recipient's im-servers: check, append, locate, push. */
export * from './counting.ts';
export * from './doorbell.ts';
export { doorbellHandlers } from './doorbell-rpc.ts';
export { forgetLeft } from './forget-left.ts';
export { BELIEVED_MS } from './locations.ts';
export * from './messaging.ts';
export { type HeldMessages, heldMessageId } from './moderation/held-messages.ts';
export { Moderation } from './moderation/moderation.ts';
export { WordMatcher } from './moderation/word-matcher.ts';
export type { MoveRequest, MoveStanding, Moving } from './moving.ts';
export type { LaterSend, Scheduling } from './scheduling.ts';
export type { ScheduledSends } from './scheduled-sends.ts';
export * from './send-request.ts';
export type { KeyedSend, SendService } from './send-service.ts';
export { Suspensions } from './suspensions.ts';
export type { Asked, ServerCalls } from './server-calls.ts';
export { type Signal, signalToWire } from './signal.ts';
