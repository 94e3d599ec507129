import { CimError } from '@cim/protocol';
import type { Command } from '../commands/command.ts';
import { nearest } from '../commands/nearest.ts';
import type { Screen } from '../screen/screen.ts';
import type { View } from '../screen/view.ts';
import { OPTION_NAMES, OPTIONS, type Option, optionOf, type Preferences } from './options.ts';
import type { PreferencesFile } from './preferences.ts';
import { BUILT_IN, type Theme } from './theme.ts';
import type { Themes } from './themes.ts';

interface SetOptionParts {
  readonly screen: Screen;
  readonly view: View;
  readonly preferences: PreferencesFile;
  readonly look: Look;
  /** Is told the options after a change. */
  readonly changed: (values: Preferences) => void;
}

/** The theme that this terminal shows. */
export class Look {
  readonly themes: Themes;
  /** False: NO_COLOR is set. */
  readonly #hasColour: boolean;
  theme: Theme;

  constructor(themes: Themes, hasColour: boolean) {
    this.themes = themes;
    this.#hasColour = hasColour;
    this.theme = hasColour ? BUILT_IN.dark : BUILT_IN.mono;
  }

  /** @returns what is wrong, in one line each. A theme that is not there changes nothing. */
  use(name: string): readonly string[] {
    const answer = this.themes.load(name);
    if (typeof answer === 'string') return [answer];
    if (this.#hasColour) this.theme = answer.theme;
    return answer.problems;
  }
}

/** Carries out `:set`. */
export class SetOption {
  readonly #parts: SetOptionParts;

  constructor(parts: SetOptionParts) {
    this.#parts = parts;
  }

  /** @returns whether the command is this one. @throws {CimError} why it failed, in one line */
  run(command: Command): boolean {
    if (command.kind !== 'set') return false;
    const { name, value } = command;
    if (name === undefined) this.#list();
    else {
      const option = optionOf(name);
      if (option === undefined) {
        const near = nearest(name, OPTION_NAMES);
        const meant = near === undefined ? '' : ` (is it "${near}"?)`;
        throw new CimError('invalid', `there is no option "${name}"${meant}; ":set" lists them`);
      }
      if (value === undefined) this.#show(option);
      else this.#set(option, value);
    }
    return true;
  }

  #list(): void {
    const { screen, view, preferences } = this.#parts;
    screen.print([
      ...view.notice(`options, kept in ${preferences.path}`),
      ...OPTION_NAMES.flatMap((name) =>
        view.mark(`${name.padEnd(8)}${shownOf(name, preferences.values).padEnd(8)}  ${OPTIONS[name].about}`),
      ),
    ]);
  }

  #show(name: keyof Preferences): void {
    const { screen, view, preferences } = this.#parts;
    screen.print(
      view.notice(`${name} is ${shownOf(name, preferences.values)}; it takes ${this.#takes(name)}`),
    );
  }

  #set(name: keyof Preferences, text: string): void {
    const { screen, view, preferences, look, changed } = this.#parts;
    const value = OPTIONS[name].parse(text);
    if (value === undefined) throw new CimError('invalid', `${name} takes ${this.#takes(name)}`);
    if (name === 'theme') {
      const answer = look.themes.load(text);
      if (typeof answer === 'string') throw new CimError('invalid', answer);
      for (const problem of look.use(text)) screen.print(view.problem(problem));
    }
    const saved = this.#save({ [name]: value });
    changed(preferences.values);
    screen.print(view.notice(`${name} is ${shownOf(name, preferences.values)}${saved}`));
  }

  /** @returns why it is for this terminal only; '' when it is not */
  #save(change: Partial<Preferences>): string {
    try {
      this.#parts.preferences.set(change);
      return '';
    } catch (error) {
      return `, in this terminal only: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  #takes(name: keyof Preferences): string {
    return name === 'theme' ? this.#parts.look.themes.names.join(', ') : OPTIONS[name].takes;
  }
}

function shownOf(name: keyof Preferences, values: Preferences): string {
  const option = OPTIONS[name] as Option<unknown>;
  return option.show(values[name]);
}
