import { CimError } from '@cim/protocol';
import type { ConversationRows } from '../conversation-rows.ts';

const missing = (): Promise<never> =>
  Promise.reject(new CimError('failure', 'conversations are not built yet'));

export class EmbeddedConversationRows implements ConversationRows {
  load = missing;
  save = missing;
}
