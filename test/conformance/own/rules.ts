import { type Rule, rulesIn } from '../rule.ts';
import { OwnWorld } from './own-world.ts';
import { OWN_SEND_RULES } from './sends.ts';
import { OWN_SESSION_RULES } from './sessions.ts';
import { OWN_STREAM_RULES } from './streams.ts';

export const ownRules: readonly Rule[] = rulesIn(
  (target) => new OwnWorld(target),
  [...OWN_SESSION_RULES, ...OWN_STREAM_RULES, ...OWN_SEND_RULES],
);
