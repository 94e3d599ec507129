import { HELP, type Options, optionsOf, WrongArguments } from './options.ts';
import { printed } from './print.ts';
import { NotCheckable } from './probe.ts';
import type { Outcome, Rule } from './rule.ts';
import { runRules } from './run.ts';

/** Where the lines go. */
export interface Lines {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** Carries out one call of the runner. Answers its exit code: 0 holds, 1 a rule is broken, 2 nothing was checked. */
export async function check(args: readonly string[], lines: Lines): Promise<0 | 1 | 2> {
  try {
    const options = optionsOf(args);
    if (options === 'help') lines.out(HELP.trimEnd());
    else if (options.routeUrl === undefined) for (const line of printed(options)) lines.out(line);
    else return await checkServer(options.routeUrl, options, lines);
    return 0;
  } catch (error) {
    if (!(error instanceof WrongArguments || error instanceof NotCheckable)) throw error;
    lines.err(error.message);
    return 2;
  }
}

async function checkServer(routeUrl: string, options: Options, { out }: Lines): Promise<0 | 1> {
  const { wires, only, quick, json } = options;
  for (const { probe } of wires) await probe(routeUrl);
  const rules = wires
    .flatMap((wire) => wire.rules)
    .filter(({ name, slow }) => name.startsWith(only) && !(quick && slow));
  const outcomes = await runRules(rules, { routeUrl }, (outcome) => say(outcome, rules, options, out));
  const broken = outcomes.filter(({ ok }) => !ok).length;
  const sum = { rules: outcomes.length, broken };
  out(json ? JSON.stringify(sum) : `${sum.rules} rules, ${broken === 0 ? 'all hold' : `${broken} broken`}`);
  return broken === 0 ? 0 : 1;
}

function say(outcome: Outcome, rules: readonly Rule[], { json, print }: Options, out: Lines['out']): void {
  const rule = rules.find(({ name }) => name === outcome.name);
  if (json) {
    const { dialogue, ...rest } = outcome;
    out(JSON.stringify({ ...rest, says: rule?.says, where: rule?.where, ...(print && { dialogue }) }));
    return;
  }
  if (outcome.ok) out(`ok   ${outcome.name}`);
  else {
    out(`FAIL ${outcome.name}: ${outcome.problem}`);
    out(`     ${rule?.says} (docs/${rule?.where})`);
  }
  if (print) for (const line of outcome.dialogue) out(`     ${line}`);
}
