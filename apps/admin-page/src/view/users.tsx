import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { GroupOfUser, List, Named, OnlineUser, User } from '../answers.ts';
import { ask } from '../api.ts';
import { useAsked, usePages } from '../asking.ts';
import { clock, count, since } from '../figures.ts';
import { go, hashOf } from '../place.ts';
import { Act, Badge, Fact, fieldOf, Finder, More, Problem, Section, UserLink } from './parts.tsx';

/** @param of id or name of the user that is shown; '': who is online */
export function UsersView({ of }: { readonly of: string }) {
  return (
    <>
      <Finder label="Find a user" help="id or exact name" value={of} onFind={(text) => go('users', text)} />
      {of === '' ? <Online /> : <OneUser of={of} />}
    </>
  );
}

function Online() {
  const { items, problem, more } = usePages<OnlineUser>('/online');
  return (
    <Section title="Who is online">
      <Problem text={problem} />
      {items?.length === 0 && <p class="quiet">Nobody is online.</p>}
      {items !== undefined && items.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>User</th>
              <th>Id</th>
              <th>At</th>
            </tr>
          </thead>
          <tbody>
            {items.map((user) => (
              <tr key={`${user.id} ${user.server}`}>
                <th scope="row">
                  <UserLink user={user} />
                </th>
                <td class="number">{user.id}</td>
                <td>{user.server}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <More more={more} />
    </Section>
  );
}

function OneUser({ of }: { readonly of: string }) {
  const path = `/users/${encodeURIComponent(of)}`;
  const { answer, problem, refresh } = useAsked<User>(path);
  return (
    <>
      <Problem text={problem} />
      {answer !== undefined && (
        <>
          <About user={answer} path={path} refresh={refresh} />
          <Devices user={answer} path={path} refresh={refresh} />
          <div class="grid">
            <Listed
              title="Groups"
              path={`${path}/groups`}
              empty="The user is in no group."
              show={groupLine}
            />
            <Listed
              title="Block list"
              path={`${path}/blocks`}
              empty="The user has blocked nobody."
              show={userLine}
            />
          </div>
        </>
      )}
    </>
  );
}

interface OfUser {
  readonly user: User;
  readonly path: string;
  readonly refresh: () => void;
}

const BANS = [
  [3_600, 'an hour'],
  [86_400, 'a day'],
  [7 * 86_400, 'a week'],
  [365 * 86_400, 'a year'],
] as const;

function About({ user, path, refresh }: OfUser) {
  const { id, name, suspendedUntil, timeline, devices } = user;
  const connected = devices.filter((device) => device.connected.is === 'yes').length;
  const ban = `/bans/user:${id}`;
  return (
    <Section
      title={name}
      acts={
        <>
          <button type="button" onClick={refresh}>
            Refresh
          </button>
          <Act
            name="Kick all devices"
            question={`All sessions of ${name} end as by a logout. The user may log in again.`}
            danger
            act={() => ask('POST', `${path}/kick`, {})}
            onDone={refresh}
          />
          {suspendedUntil === undefined ? (
            <Act
              name="Ban"
              question={`${name} is suspended: connections are closed at once, and logins are refused until the ban ends.`}
              danger
              act={(fields) =>
                ask('PUT', ban, {
                  seconds: Number(fieldOf(fields, 'seconds')),
                  ...(fieldOf(fields, 'reason') !== '' && { reason: fieldOf(fields, 'reason') }),
                })
              }
              onDone={refresh}
            >
              <label>
                For
                <select name="seconds">
                  {BANS.map(([seconds, text]) => (
                    <option key={seconds} value={seconds}>
                      {text}
                    </option>
                  ))}
                </select>
              </label>
              <label>
                Reason, for other operators
                <input name="reason" maxLength={200} />
              </label>
            </Act>
          ) : (
            <Act
              name="End ban"
              question={`${name} may log in again at once.`}
              act={() => ask('DELETE', ban)}
              onDone={refresh}
            />
          )}
        </>
      }
    >
      <p>
        <Badge tone={connected > 0 ? 'good' : 'plain'}>{connected > 0 ? 'online' : 'offline'}</Badge>{' '}
        {suspendedUntil !== undefined && <Badge tone="bad">suspended until {clock(suspendedUntil)}</Badge>}
      </p>
      <p class="quiet">
        User {id}. The timeline holds the entries {count(timeline.first)} to {count(timeline.top)}.
      </p>
    </Section>
  );
}

function Devices({ user: { name, devices }, path, refresh }: OfUser) {
  return (
    <Section title={`Devices (${devices.length})`}>
      {devices.length === 0 && (
        <p class="quiet">The user has never logged in, or has forgotten all devices.</p>
      )}
      {devices.length > 0 && (
        <div class="wide">
          <table class="cards">
            <thead>
              <tr>
                <th>Device</th>
                <th>Connected</th>
                <th>At</th>
                <th>Address</th>
                <th class="figure">Backlog</th>
                <th class="figure">Cursor</th>
                <th class="figure">Seen</th>
                <th>
                  <span class="unseen">Acts</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {devices.map((device) => (
                <tr key={device.device}>
                  <th scope="row">
                    {device.label === '' ? device.device : device.label}
                    {device.label !== '' && <span class="quiet">{device.device}</span>}
                  </th>
                  <td data-name="Connected">
                    <Fact is={device.connected} />
                  </td>
                  <td data-name="At">{device.server}</td>
                  <td data-name="Address">{device.address}</td>
                  <td class="figure" data-name="Backlog">
                    {device.backlog > 0 ? <Badge tone="note">{count(device.backlog)}</Badge> : '0'}
                  </td>
                  <td class="figure" data-name="Cursor">
                    {device.cursor !== undefined && count(device.cursor)}
                  </td>
                  <td class="figure" data-name="Seen">
                    {since(device.seenAt)} ago
                  </td>
                  <td class="acts">
                    {device.state !== 'ended' && (
                      <Act
                        name="Kick"
                        question={`The session of ${name} on ${device.label === '' ? device.device : device.label} ends as by a logout.`}
                        danger
                        act={() => ask('POST', `${path}/kick`, { device: device.device })}
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
    </Section>
  );
}

const groupLine = ({ id, name, role, category }: GroupOfUser) => (
  <>
    <a href={hashOf('groups', id)}>{name}</a>{' '}
    <span class="quiet">
      {role}
      {category === '' ? '' : `, ${category}`}
    </span>
  </>
);
const userLine = (user: Named) => <UserLink user={user} />;

interface ListedProps<T extends Named> {
  readonly title: string;
  readonly path: string;
  readonly empty: string;
  readonly show: (item: T) => ComponentChildren;
}

/** A list that is asked for when somebody wants to see it: each look at a user is a line of the audit log. */
function Listed<T extends Named>({ title, path, empty, show }: ListedProps<T>) {
  const [wanted, setWanted] = useState<string>();
  const { answer, problem } = useAsked<List<T>>(wanted === path ? path : undefined);
  return (
    <Section
      title={title}
      acts={
        wanted !== path && (
          <button type="button" aria-label={`Show ${title.toLowerCase()}`} onClick={() => setWanted(path)}>
            Show
          </button>
        )
      }
    >
      <Problem text={problem} />
      {answer?.items.length === 0 && <p class="quiet">{empty}</p>}
      <ul class="lines">
        {answer?.items.map((item) => (
          <li key={item.id}>{show(item)}</li>
        ))}
      </ul>
    </Section>
  );
}
