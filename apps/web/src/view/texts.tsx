import type { ComponentChildren } from 'preact';
import { segmentsOf } from '../text/segments.ts';

/**
 * A text that a stranger wrote: text nodes only, so that nothing in it is markup. Each has a direction of its own: characters that turn
 * text around in one of them do not turn a link behind it, whose end would look like its host.
 */
export function Texts({ text }: { readonly text: string }): ComponentChildren {
  return segmentsOf(text).map((segment, i) => {
    switch (segment.kind) {
      case 'plain':
        return (
          <span key={i} dir="auto">
            {segment.text}
          </span>
        );
      case 'code':
        return (
          <code key={i} dir="ltr">
            {segment.text}
          </code>
        );
      case 'block':
        return (
          // Somebody without a mouse scrolls it with the arrow keys.
          <pre key={i} dir="ltr" tabIndex={0}>
            {segment.text}
          </pre>
        );
      case 'link':
        return (
          <a key={i} dir="ltr" href={segment.href} target="_blank" rel="noopener noreferrer nofollow">
            {segment.text}
          </a>
        );
    }
  });
}
