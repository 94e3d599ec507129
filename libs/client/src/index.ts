/** The client SDK: a user of a CIM cluster, for programs. docs/sdk.md shows how to use it. */
export { CimError } from '@cim/protocol';
export { CimClient } from './client.ts';
export type { CimClientOptions } from './client-options.ts';
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
export type { DeviceCalls, UserCalls } from './account-calls.ts';
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
export type { LinkTimes } from './link.ts';
export type { SavedSend, SendJournal, SendRecord } from './send-journal.ts';
export {
  type ClientState,
  type Cursor,
  memoryState,
  type ProcessedRecord,
  type SavedState,
} from './state.ts';
export { fileState } from './state-file.ts';
