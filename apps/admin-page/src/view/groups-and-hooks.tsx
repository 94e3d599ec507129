import { useState } from 'preact/hooks';
import type { Group, Letters, List, Member, Webhook } from '../answers.ts';
import { ask } from '../api.ts';
import { type Asked, useAsked, usePages } from '../asking.ts';
import { clock, count, since } from '../figures.ts';
import { go } from '../place.ts';
import { Act, Badge, Finder, More, Problem, Section, type Tone, UserLink } from './parts.tsx';

const EVERY_MS = 5_000;

/** @param of id of the group that is shown; '' for none */
export function GroupsAndHooksView({ of }: { readonly of: string }) {
  return (
    <>
      <Finder label="Find a group" help="id, such as 17" value={of} onFind={(text) => go('groups', text)} />
      {of !== '' && <OneGroup id={of} />}
      <Hooks />
    </>
  );
}

function OneGroup({ id }: { readonly id: string }) {
  const path = `/groups/${encodeURIComponent(id)}`;
  const { answer, problem } = useAsked<Group>(path);
  const members = usePages<Member>(answer === undefined ? undefined : `${path}/members`);
  if (answer === undefined) return <Problem text={problem} />;
  const { name, category, join, owner, createdAt, log } = answer;
  return (
    <Section title={name}>
      <p>
        <Badge tone="plain">{join === 'open' ? 'anybody may join' : 'by invitation'}</Badge>{' '}
        {category !== '' && <Badge tone="plain">{category}</Badge>}
      </p>
      <p>
        Group {id}, owned by <UserLink user={owner} />, made {clock(createdAt)}. Its log holds the entries{' '}
        {count(log.first)} to {count(log.top)}.
      </p>
      <Problem text={members.problem} />
      <table>
        <caption>Members ({count(answer.members)})</caption>
        <thead>
          <tr>
            <th>Name</th>
            <th>Id</th>
            <th>Role</th>
          </tr>
        </thead>
        <tbody>
          {members.items?.map((member) => (
            <tr key={member.id}>
              <th scope="row">
                <UserLink user={member} />
              </th>
              <td class="number">{member.id}</td>
              <td>
                {member.role} {member.muted && <Badge tone="warning">muted</Badge>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <More more={members.more} />
    </Section>
  );
}

function Hooks() {
  const asked = useAsked<List<Webhook>>('/webhooks', EVERY_MS);
  return (
    <>
      <Problem text={asked.problem} />
      {asked.answer?.items.length === 0 && (
        <Section title="Webhooks">
          <p class="quiet">
            Nobody is told of events. <code>cim admin webhooks create URL</code> makes a webhook.
          </p>
        </Section>
      )}
      {asked.answer?.items.map((webhook) => (
        <Hook key={webhook.id} webhook={webhook} refresh={asked.refresh} />
      ))}
    </>
  );
}

const TONES: Readonly<Record<Webhook['state'], Tone>> = { well: 'good', failing: 'bad', off: 'warning' };

interface HookProps {
  readonly webhook: Webhook;
  readonly refresh: () => void;
}

function Hook({ webhook: { id, url, events, only, state, problem, failingSince }, refresh }: HookProps) {
  const path = `/webhooks/${encodeURIComponent(id)}`;
  const letters = useAsked<Letters>(`${path}/letters`, EVERY_MS);
  return (
    <Section
      title={`Webhook ${hostOf(url)}`}
      acts={
        <Act
          name={state === 'off' ? 'Turn on' : 'Turn off'}
          question={
            state === 'off'
              ? `${hostOf(url)} is told of what is stored from now on.`
              : `${hostOf(url)} is told of nothing until somebody turns it on. Events of that time are not kept for it.`
          }
          danger={state !== 'off'}
          act={() => ask('PUT', path, { on: state === 'off' })}
          onDone={refresh}
        />
      }
    >
      <p>
        <Badge tone={TONES[state]}>{state}</Badge> {events.join(', ')}
        {only !== undefined && <span class="quiet"> in {only.join(', ')}</span>}
      </p>
      <p class="quiet">
        {id}, {url}
      </p>
      {problem !== undefined && state !== 'well' && (
        <p class="problem">
          {problem}
          {failingSince !== undefined && `, for ${since(failingSince)}`}
        </p>
      )}
      <DeadLetters id={id} path={path} letters={letters} />
    </Section>
  );
}

interface LettersProps {
  readonly id: string;
  readonly path: string;
  readonly letters: Asked<Letters>;
}

function DeadLetters({ id, path, letters: { answer, problem, refresh } }: LettersProps) {
  const [open, setOpen] = useState(false);
  if (answer === undefined) return <Problem text={problem} />;
  const { items, waiting, dead } = answer;
  return (
    <>
      <Problem text={problem} />
      <div class="acts">
        <span>
          <Badge tone={waiting > 0 ? 'note' : 'plain'}>{count(waiting)} waiting</Badge>{' '}
          <Badge tone={dead > 0 ? 'bad' : 'plain'}>{count(dead)} dead</Badge>
        </span>
        {items.length > 0 && (
          <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? 'Hide letters' : 'Show letters'}
          </button>
        )}
        {dead > 0 && (
          <>
            <Act
              name="Replay all dead"
              question={`${count(dead)} events are told to the receiver again, with all tries anew.`}
              act={() => ask('POST', `${path}/replay`, {})}
              onDone={refresh}
            />
            <Act
              name="Forget all dead"
              question={`${count(dead)} events are never told to the receiver.`}
              danger
              act={() => ask('DELETE', `${path}/letters`)}
              onDone={refresh}
            />
          </>
        )}
      </div>
      {open && (
        <div class="wide">
          <table class="cards" aria-label={`Letters of ${id}`}>
            <thead>
              <tr>
                <th>Event</th>
                <th>State</th>
                <th class="figure">Failed</th>
                <th>Why</th>
                <th>
                  <span class="unseen">Acts</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((letter) => (
                <tr key={letter.id}>
                  <th scope="row">
                    {letter.type}
                    <span class="quiet">{letter.id}</span>
                  </th>
                  <td data-name="State">
                    <Badge tone={letter.state === 'dead' ? 'bad' : 'note'}>{letter.state}</Badge>
                  </td>
                  <td class="figure" data-name="Failed">
                    {letter.failed}
                  </td>
                  <td data-name="Why">{letter.problem}</td>
                  <td class="acts">
                    {letter.state === 'dead' && (
                      <Act
                        name="Replay"
                        question="This event is told to the receiver again."
                        act={() => ask('POST', `${path}/replay`, { event: letter.id })}
                        onDone={refresh}
                      />
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
