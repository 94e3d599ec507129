/** Every command of `cim admin`. */
import type { Command } from '../command.ts';
import { apiKeyCommands } from './api-keys.ts';
import { backupCommands } from './backups.ts';
import { banCommands } from './bans.ts';
import { groupCommands } from './groups.ts';
import { logCommands } from './log.ts';
import { moveCommands } from './moves.ts';
import { serverCommands } from './servers.ts';
import { traceCommands } from './trace.ts';
import { userCommands } from './users.ts';
import { heldCommands } from './held.ts';
import { webhookCommands } from './webhooks.ts';

export const COMMANDS: readonly Command[] = [
  ...serverCommands,
  ...userCommands,
  ...groupCommands,
  ...traceCommands,
  ...moveCommands,
  ...logCommands,
  ...backupCommands,
  ...banCommands,
  ...apiKeyCommands,
  ...webhookCommands,
  ...heldCommands,
];
