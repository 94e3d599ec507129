/**
 * The core of the client SDK. It runs wherever there are `fetch`, timers and a transport. docs/sdk.md shows
 * how to use it.
 */
export { CimError } from '@cim/protocol';
export { ClientCore } from './client.ts';
export type { CimClientOptions, ClientCoreOptions, LinkTimes } from './client-options.ts';
export type {
  ClientEvents,
  Edited,
  HistoryPage,
  HistoryQuery,
  KeptMessage,
  MembersChange,
  Message,
  Offered,
  Outgoing,
  Reaction,
  Recalled,
  Recipient,
  SendOutcome,
  StreamEvent,
  StoredAt,
} from './events.ts';
export type { ScheduledCalls, ScheduledMessage, SendTime } from './scheduled-calls.ts';
export type { BlockCalls, DeviceCalls, UserCalls } from './account-calls.ts';
export type {
  ConversationCalls,
  ConversationPage,
  MessagePage,
  MessagesQuery,
} from './conversation-calls.ts';
export type { GroupCalls, NewGroup, Page } from './group-calls.ts';
export type {
  ConversationInfo,
  DeviceInfo,
  GroupInfo,
  MemberInfo,
  StoredMessage,
  UserInfo,
} from './v1-shapes.ts';
export type { HttpExchange, HttpIn, HttpOut } from './http-caller.ts';
export type { Logger } from './logger.ts';
export type { SavedSend, SendJournal, SendRecord } from './send-journal.ts';
export { type Cursor, memoryState, type ProcessedRecord, type SavedState, type Storage } from './state.ts';
export { type Cancel, hostTimers, type Timers } from './timers.ts';
export type { Address, Connection, ConnectionEvents, TlsReason, Transport } from './transport.ts';
