/** Checks the fields of a webhook as people give them, to the admin API or in a file. */
import { CimError } from '@cim/protocol';
import { parseConversation } from './conversation-ref.ts';
import { EVENT_TYPES, isEventName, type Webhook } from './webhooks.ts';

/** Most events of one request. */
export const MOST_BATCH = 100;
const MOST_FILTERS = 1_000;

/**
 * The fields that are given. @param urlProblem what is wrong with a URL; undefined: nothing @throws {CimError} 3000 */
export function webhookFields(
  { url, events, only, batch }: Readonly<Record<string, unknown>>,
  urlProblem: (url: string) => string | undefined,
): Partial<Pick<Webhook, 'url' | 'events' | 'only' | 'batch'>> {
  if (url !== undefined) {
    const problem = typeof url === 'string' ? urlProblem(url) : 'must be a text';
    if (problem !== undefined) throw invalid(`url ${problem}`);
  }
  const isList = (value: unknown, most: number): value is string[] =>
    Array.isArray(value) && value.length <= most && value.every((one) => typeof one === 'string');
  if (events !== undefined) {
    if (!isList(events, MOST_FILTERS) || events.length === 0)
      throw invalid('events must be a list of types of events');
    const unknown = events.find((one) => !isEventName(one));
    if (unknown !== undefined)
      throw invalid(
        `there is no event ${JSON.stringify(unknown)}; there are ${EVENT_TYPES.join(', ')}, group.* and *`,
      );
  }
  if (only !== undefined) {
    if (!isList(only, MOST_FILTERS))
      throw invalid(`only must be a list of at most ${MOST_FILTERS} conversations`);
    const unknown = only.find((one) => parseConversation(one) === undefined);
    if (unknown !== undefined)
      throw invalid(`only has ${JSON.stringify(unknown)}; a conversation is such as u1001, g17 or globby`);
  }
  if (
    batch !== undefined &&
    !(typeof batch === 'number' && Number.isSafeInteger(batch) && batch >= 1 && batch <= MOST_BATCH)
  )
    throw invalid(`batch must be a whole number from 1 to ${MOST_BATCH}`);
  return {
    ...(url === undefined ? {} : { url: url as string }),
    ...(events === undefined ? {} : { events }),
    ...(only === undefined ? {} : { only }),
    ...(batch === undefined ? {} : { batch: batch }),
  };
}

const invalid = (problem: string): CimError => new CimError('invalid', problem);
