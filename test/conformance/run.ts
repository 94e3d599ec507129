import type { CimDial } from '@cim/testkit/raw';
import { Dialogue } from './dialogue.ts';
import { explain } from './explain.ts';
import type { Outcome, Rule } from './rule.ts';

/**
 * Checks rules against a server: one after the other, and beside them all slow ones at once. Tells each outcome
 * when it is there.
 */
export async function runRules(
  rules: readonly Rule[],
  to: { readonly routeUrl: string; readonly dial?: CimDial },
  tell: (outcome: Outcome) => void,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const run = async (rule: Rule): Promise<void> => {
    const outcome = await outcomeOf(rule, to);
    outcomes.push(outcome);
    tell(outcome);
  };
  const slow = rules.filter((rule) => rule.slow).map(run);
  for (const rule of rules) if (!rule.slow) await run(rule);
  await Promise.all(slow);
  return outcomes;
}

async function outcomeOf(
  rule: Rule,
  to: { readonly routeUrl: string; readonly dial?: CimDial },
): Promise<Outcome> {
  const { name } = rule;
  const { routeUrl, dial } = to;
  const dialogue = new Dialogue();
  try {
    await rule.check({ routeUrl, dialogue, ...(dial !== undefined && { dial }) });
    return { name, ok: true, dialogue: dialogue.lines };
  } catch (error) {
    return { name, ok: false, problem: explain(error), dialogue: dialogue.lines };
  }
}
