import type { ApiKey, ApiKeyCheck } from '@cim/store';
import { Expired, NotAuthorized } from './not-authorized.ts';

/** The API key that a request shows. @throws {CimError} 9100 or 9504, both 401: it opens nothing, or has ended */
export async function requireApiKey(keys: ApiKeyCheck, credential: string): Promise<ApiKey> {
  const found = await keys.check(credential);
  if (found === 'unknown') throw new NotAuthorized('this API key opens nothing, or no longer');
  if (found === 'ended') throw new Expired('this API key has ended; use the one that replaces it');
  return found;
}
