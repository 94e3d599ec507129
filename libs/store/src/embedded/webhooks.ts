import { byAge, type Webhook, type WebhookHealth, type Webhooks, WEBHOOKS_AT_MOST } from '../webhooks.ts';
import { WEBHOOKS } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';

/** Webhooks in one record: they are few, and seldom change. Their health is in memory. */
export class EmbeddedWebhooks implements Webhooks {
  readonly #ledger: Ledger;
  /** Key: id of a webhook. Removed with it. */
  readonly #health = new Map<string, WebhookHealth>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  list(): Promise<{ readonly revision: number; readonly items: readonly Webhook[] }> {
    return promised(() => {
      const { revision, webhooks } = this.#ledger.committed(WEBHOOKS) ?? { revision: 0, webhooks: [] };
      return { revision, items: byAge(webhooks) };
    });
  }

  async put(webhook: Webhook): Promise<'ok' | 'changed' | 'full'> {
    const { revision, webhooks } = this.#ledger.get(WEBHOOKS) ?? { revision: 0, webhooks: [] };
    const before = webhooks.find(({ id }) => id === webhook.id);
    const others = webhooks.filter((one) => one !== before);
    const isNext = (before?.version ?? 0) === webhook.version - 1;
    const answer = !isNext ? 'changed' : others.length >= WEBHOOKS_AT_MOST ? 'full' : 'ok';
    if (answer === 'ok')
      this.#ledger.put(WEBHOOKS, { revision: revision + 1, webhooks: [...others, webhook] });
    await this.#ledger.commit();
    return answer;
  }

  async remove(id: string): Promise<boolean> {
    const { revision, webhooks } = this.#ledger.get(WEBHOOKS) ?? { revision: 0, webhooks: [] };
    const others = webhooks.filter((one) => one.id !== id);
    const isThere = others.length < webhooks.length;
    if (isThere) this.#ledger.put(WEBHOOKS, { revision: revision + 1, webhooks: others });
    await this.#ledger.commit();
    this.#health.delete(id);
    return isThere;
  }

  async note(id: string, health: WebhookHealth): Promise<void> {
    const { items } = await this.list();
    if (items.some((webhook) => webhook.id === id)) this.#health.set(id, health);
  }

  health(): Promise<ReadonlyMap<string, WebhookHealth>> {
    return Promise.resolve(new Map(this.#health));
  }
}
