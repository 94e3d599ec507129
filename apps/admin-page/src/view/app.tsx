import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { hashOf, usePlace } from '../place.ts';
import { ClusterView } from './cluster.tsx';
import { GroupsAndHooksView } from './groups-and-hooks.tsx';
import { TrafficView } from './traffic.tsx';
import { TraceView } from './trace.tsx';
import { UsersView } from './users.tsx';

interface View {
  readonly name: string;
  readonly title: string;
  readonly show: (of: string) => JSX.Element;
}

const FIRST: View = { name: 'cluster', title: 'Cluster', show: () => <ClusterView /> };
const VIEWS: readonly View[] = [
  FIRST,
  { name: 'users', title: 'Users', show: (of) => <UsersView of={of} /> },
  { name: 'trace', title: 'Trace', show: (of) => <TraceView of={of} /> },
  { name: 'traffic', title: 'Traffic', show: () => <TrafficView /> },
  { name: 'groups', title: 'Groups and hooks', show: (of) => <GroupsAndHooksView of={of} /> },
];

/** All that an operator who is logged in sees. */
export function App({ onLogOut }: { readonly onLogOut: () => void }) {
  const place = usePlace();
  const view = VIEWS.find(({ name }) => name === place.view) ?? FIRST;
  useEffect(() => {
    document.title = `${view.title} · CIM operators`;
  }, [view]);
  return (
    <div class="app">
      <header class="top">
        <img src="/admin/page/icon.svg" alt="" width="28" height="28" />
        <h1>CIM operators</h1>
        <nav aria-label="Views">
          {VIEWS.map(({ name, title }) => (
            <a key={name} href={hashOf(name)} aria-current={name === view.name ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <button type="button" onClick={onLogOut}>
          Log out
        </button>
      </header>
      <main>{view.show(place.view === view.name ? place.of : '')}</main>
    </div>
  );
}
