import { homedir } from 'node:os';
import { join } from 'node:path';
import { configureProcess, type LogLevel, pick, settings } from '@cim/runtime';

/** What the terminal client reads. */
export const chatSettings = {
  ...pick(
    settings,
    'name',
    'route',
    'password',
    'token',
    'tlsCa',
    'insecure',
    'stateDir',
    'device',
    'listener',
    'plain',
  ),
  logLevel: { ...settings.logLevel, fallback: 'silent' },
};

export interface ChatConfig {
  /** '' to ask for it. */
  readonly name: string;
  readonly route: string;
  /** '' for none. */
  readonly password: string;
  /** '' for none. */
  readonly token: string;
  /** PEM file of the authorities that servers must have their certificates from; '' for those that Node knows. */
  readonly tlsCa: string;
  /** Plain text to im-servers though the route speaks TLS. */
  readonly insecure: boolean;
  readonly stateDir: string;
  /** Of a second terminal of the same name; '' for the first. */
  readonly device: string;
  /** Path of a module with callbacks; '' for none. */
  readonly listener: string;
  readonly logLevel: LogLevel;
  /** Lines, where a full screen could be. */
  readonly plain: boolean;
  /** Whether a terminal may be coloured, and drawn on at all. */
  readonly colour: boolean;
  readonly dumb: boolean;
}

/** For what is no setting of the product: the folders of XDG, and scripts, which read their settings themselves. */
export const environment: Readonly<Record<string, string | undefined>> = process.env;

/** From flags and environment; ends the process after `--help` and when something is wrong. */
export function readChatConfig(): ChatConfig {
  const values = configureProcess('chat', chatSettings);
  const { NO_COLOR, TERM } = process.env;
  return {
    ...values,
    stateDir: values.stateDir === '' ? join(homedir(), '.cim') : values.stateDir,
    colour: NO_COLOR === undefined || NO_COLOR === '',
    dumb: TERM === 'dumb',
  };
}
