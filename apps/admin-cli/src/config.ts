/** The settings of `cim admin`, from its environment. */
import { pick, readConfig, settingNames, settings, type Values } from '@cim/runtime';
import { UsageError } from './command.ts';

const adminSettings = pick(settings, 'adminToken', 'routeInternal', 'tlsCa');
export type AdminConfig = Values<typeof adminSettings>;

/**
 * Flags that every command accepts in place of a variable. The token has none, since process lists show
 * flags.
 */
export const SETTING_FLAGS = {
  'route-internal': { value: 'URL', doc: `${adminSettings.routeInternal.doc} (CIM_ROUTE_INTERNAL)` },
  'token-file': {
    value: 'FILE',
    doc: 'File with the admin token (CIM_ADMIN_TOKEN_FILE, or CIM_ADMIN_TOKEN)',
  },
  'tls-ca': { value: 'FILE', doc: 'PEM file of authorities that the route is checked by (CIM_TLS_CA)' },
} as const;

/** @throws {UsageError} */
export function adminConfig(
  flags: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): AdminConfig {
  const env = { ...environment };
  const given = (flag: keyof typeof SETTING_FLAGS, name: string): void => {
    if (flags[flag] !== undefined) env[name] = flags[flag];
  };
  given('route-internal', 'CIM_ROUTE_INTERNAL');
  given('token-file', 'CIM_ADMIN_TOKEN_FILE');
  given('tls-ca', 'CIM_TLS_CA');
  if (flags['token-file'] !== undefined) delete env['CIM_ADMIN_TOKEN'];
  const result = readConfig('cim admin', adminSettings, [], env, settingNames);
  if (result.kind !== 'values')
    throw new UsageError(result.kind === 'problems' ? result.problems.join('; ') : result.text);
  if (result.values.adminToken === '')
    throw new UsageError('no token: set CIM_ADMIN_TOKEN to that of the route, or give --token-file');
  return result.values;
}
