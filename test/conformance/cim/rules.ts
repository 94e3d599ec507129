import { type Rule, rulesIn } from '../rule.ts';
import { CIM_CHANNEL_RULES } from './channels.ts';
import { CimWorld } from './cim-world.ts';
import { CIM_HTTP_RULES } from './http.ts';
import { CIM_MESSAGE_RULES } from './messages.ts';

const worldOf = (target: ConstructorParameters<typeof CimWorld>[0]): CimWorld => new CimWorld(target);

/** The rules of CIM's paths, which say nothing of the frames. */
export const cimHttpRules: readonly Rule[] = rulesIn(worldOf, CIM_HTTP_RULES);
/** The rules of CIM's frames. They hold over TCP, TLS and WebSocket. */
export const cimFrameRules: readonly Rule[] = rulesIn(worldOf, [...CIM_CHANNEL_RULES, ...CIM_MESSAGE_RULES]);
