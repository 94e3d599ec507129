/** Pieces that several views share. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Finding, Named } from '../answers.ts';
import { problemOf } from '../api.ts';
import { hashOf } from '../place.ts';

interface SectionProps {
  readonly title: string;
  readonly acts?: ComponentChildren;
  readonly children: ComponentChildren;
}

export const Section = ({ title, acts, children }: SectionProps) => (
  <section class="section">
    <header>
      <h2>{title}</h2>
      <div class="acts">{acts}</div>
    </header>
    {children}
  </section>
);

export type Tone = 'good' | 'bad' | 'warning' | 'note' | 'plain';

export const Badge = ({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) => (
  <span class={`badge ${tone}`}>{children}</span>
);

/** Why something could not be shown. Nothing when there is no reason. */
export const Problem = ({ text }: { readonly text: string }) => (
  <p class="problem" role="alert">
    {text}
  </p>
);

/** A share of a whole, as a bar with its figure. */
export const Bar = ({ share, label }: { readonly share: number; readonly label: string }) => (
  <span class="bar">
    <meter min={0} max={1} high={0.7} optimum={0} value={Math.min(1, share)} aria-label={label} />
    <span>{Math.round(share * 100)}%</span>
  </span>
);

interface ActProps {
  /** What the button says. */
  readonly name: string;
  /** The question before it is done, with its consequences. */
  readonly question: string;
  readonly danger?: boolean;
  /** More fields of the dialog. */
  readonly children?: ComponentChildren;
  readonly act: (fields: FormData) => Promise<unknown>;
  /** Called when it was done. */
  readonly onDone: () => void;
}

/** A button that asks before it acts, and says why when that was refused. */
export function Act({ name, question, danger = false, children, act, onDone }: ActProps) {
  const [open, setOpen] = useState(false);
  const tone = danger ? 'danger' : '';
  return (
    <>
      <button type="button" class={tone} onClick={() => setOpen(true)}>
        {name}
      </button>
      {open && (
        <Ask {...{ name, question, tone, act, onDone }} onClose={() => setOpen(false)}>
          {children}
        </Ask>
      )}
    </>
  );
}

interface AskProps extends Omit<ActProps, 'danger'> {
  readonly tone: string;
  readonly onClose: () => void;
}

function Ask({ name, question, tone, children, act, onDone, onClose }: AskProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const go = async (form: HTMLFormElement): Promise<void> => {
    setBusy(true);
    setProblem('');
    try {
      await act(new FormData(form));
      dialog.current?.close();
      onDone();
    } catch (error) {
      setProblem(problemOf(error));
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-label={name} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void go(event.currentTarget);
        }}
      >
        <h2>{name}</h2>
        <p>{question}</p>
        {children}
        <Problem text={problem} />
        <footer>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" class={`primary ${tone}`} disabled={busy}>
            {name}
          </button>
        </footer>
      </form>
    </dialog>
  );
}

/** The text in a field of a form; '' when there is none of that name. */
export function fieldOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === 'string' ? value : '';
}

interface FinderProps {
  readonly label: string;
  readonly help: string;
  readonly value: string;
  readonly onFind: (text: string) => void;
}

/** A field that opens what is typed into it. */
export const Finder = ({ label, help, value, onFind }: FinderProps) => (
  <form
    class="finder"
    role="search"
    onSubmit={(event) => {
      event.preventDefault();
      const text = fieldOf(new FormData(event.currentTarget), 'text').trim();
      if (text !== '') onFind(text);
    }}
  >
    <label>
      {label}
      <input
        key={value}
        name="text"
        defaultValue={value}
        placeholder={help}
        spellcheck={false}
        autocomplete="off"
      />
    </label>
    <button type="submit" class="primary">
      Find
    </button>
  </form>
);

/** A fact with its reason below it. */
export const Fact = ({
  is: { is, why },
  good = 'yes',
}: {
  readonly is: Finding;
  readonly good?: 'yes' | 'no';
}) => (
  <span class="fact">
    <Badge tone={is === 'unknown' ? 'warning' : is === good ? 'good' : 'plain'}>{is}</Badge>
    {why !== undefined && <span class="quiet">{why}</span>}
  </span>
);

export const UserLink = ({ user: { id, name } }: { readonly user: Named }) => (
  <a href={hashOf('users', id)}>{name === '' ? `user ${id}` : name}</a>
);

export const More = ({ more }: { readonly more: (() => void) | undefined }) =>
  more === undefined ? null : (
    <button type="button" onClick={more}>
      More
    </button>
  );
