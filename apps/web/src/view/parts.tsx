import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { say } from '../words.ts';
import { Icon, type IconName } from './icons.tsx';

const COLOURS = 8;

/** Which of the colours a person or a group has, the same on every screen. */
export function colourOf(id: string | number): number {
  let sum = 0;
  for (const character of String(id)) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9_973;
  return sum % COLOURS;
}

interface AvatarProps {
  readonly id: string | number;
  readonly name: string;
  readonly icon?: IconName;
}

export const Avatar = ({ id, name, icon }: AvatarProps): JSX.Element => (
  <span class={`avatar tint${colourOf(id)}`} aria-hidden="true">
    {icon === undefined ? initialOf(name) : <Icon name={icon} />}
  </span>
);

/** The first letter as people count them: an emoji of several code points is one. */
function initialOf(name: string): string {
  const [first] = new Intl.Segmenter().segment(name);
  return first?.segment.toLocaleUpperCase() ?? '';
}

interface IconButtonProps {
  readonly icon: IconName;
  readonly label: string;
  readonly onClick: () => void;
  readonly class?: string;
  readonly pressed?: boolean;
}

export const IconButton = ({
  icon,
  label,
  onClick,
  class: of = '',
  pressed,
}: IconButtonProps): JSX.Element => (
  <button
    type="button"
    class={`icon-button ${of}`}
    aria-label={label}
    title={label}
    aria-pressed={pressed}
    onClick={onClick}
  >
    <Icon name={icon} />
  </button>
);

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A window above the page. Escape and a click beside it close it. */
export function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="dialog">
        <header>
          <h2>
            <bdi>{title}</bdi>
          </h2>
          <IconButton icon="close" label={say('close')} onClick={() => dialog.current?.close()} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** What a field of a form holds; '' when there is none of that name. */
export function fieldOf(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value : '';
}
