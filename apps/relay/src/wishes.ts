/** Which events a webhook gets. */
import { namesEvent, type Webhook } from '@cim/store';
import type { Told } from './events.ts';

export const wants = ({ events, only }: Pick<Webhook, 'events' | 'only'>, told: Told): boolean =>
  events.some((wish) => namesEvent(wish, told.event.type)) &&
  (only === undefined || told.concerns.some((one) => only.includes(one)));
