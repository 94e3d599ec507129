import { type Rule, rulesIn } from '../rule.ts';
import { V1_FORM_RULES } from './form.ts';
import { V1_MESSAGE_RULES } from './messages.ts';
import { V1World } from './v1-world.ts';

export const v1Rules: readonly Rule[] = rulesIn(
  (target) => new V1World(target),
  [...V1_FORM_RULES, ...V1_MESSAGE_RULES],
);
