/** Accounts, sessions and streams: the ports, and their adapters for Redis and for one machine (LevelDB). */
export type { Account, Accounts } from './accounts.ts';
export { ApiKeyCheck, looksLikeApiKey, newApiKey, prefixOf } from './api-key-check.ts';
export { type ApiKey, type ApiKeys, type Scope, SCOPES } from './api-keys.ts';
export type { LogWishes } from './log-wishes.ts';
export { addressSubject, type Ban, type Bans, parseSubject, type Subject, userSubject } from './bans.ts';
export type { Backup, Verified } from './backup.ts';
export type { Blocks } from './blocks.ts';
export * from './conversation-rows.ts';
export {
  type ConversationRef,
  conversationName,
  conversationOf,
  parseConversation,
  streamToAppend,
} from './conversation-ref.ts';
export {
  type Conversation,
  type ConversationPage,
  Conversations,
  type ConversationStore,
} from './conversations.ts';
export * from './event-feed.ts';
export * from './groups.ts';
export { Histories, type HistoryAsk, type HistoryPage } from './history.ts';
export { type HistoryItem, HistoryItems } from './history-items.ts';
export * from './held.ts';
export * from './letters.ts';
export { pageCursor, positionInCursor } from './page-cursor.ts';
export { looksOf } from './looks.ts';
export type { Limited, Limits, Take } from './limits.ts';
export * from './log-scans.ts';
export * from './scheduled.ts';
export * from './sessions.ts';
export * from './store.ts';
export * from './stream-policy.ts';
export * from './streams.ts';
export * from './ticket.ts';
export * from './told-message.ts';
export * from './webhook-fields.ts';
export * from './webhooks.ts';
export { openEmbeddedStore, type EmbeddedStoreOptions } from './embedded/embedded-store.ts';
export { openRedisStore, type RedisStoreOptions } from './redis/redis-store.ts';
export { type CimAccount, type CimSource, type CimTexts, openCimSource } from './redis/cim-source.ts';
export { restore, verify } from './embedded/backup.ts';
