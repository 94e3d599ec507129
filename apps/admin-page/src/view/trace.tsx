import type { Finding, Named, Recipient, Trace } from '../answers.ts';
import { useAsked, usePages } from '../asking.ts';
import { clock, count, since } from '../figures.ts';
import { go, hashOf } from '../place.ts';
import { Badge, Fact, fieldOf, More, Problem, Section, UserLink } from './parts.tsx';

/** Stands between the id of a message and its conversation in the address; neither has one. */
const BETWEEN = ' ';

/** @param of id of a message, and its conversation behind a space; '' for none */
export function TraceView({ of }: { readonly of: string }) {
  const [id = '', conversation = ''] = of.split(BETWEEN);
  return (
    <>
      <form
        class="finder"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          const [message, place] = [fieldOf(fields, 'id').trim(), fieldOf(fields, 'in').trim()];
          if (message !== '') go('trace', place === '' ? message : message + BETWEEN + place);
        }}
      >
        <label>
          Trace a message
          <input
            key={id}
            name="id"
            defaultValue={id}
            placeholder="id, such as 1001:Zk3v0nT1bq8sYw2A:7"
            spellcheck={false}
            autocomplete="off"
          />
        </label>
        <label class="short">
          Conversation
          <input
            key={conversation}
            name="in"
            defaultValue={conversation}
            placeholder="u1002 or g17"
            autocomplete="off"
          />
        </label>
        <button type="submit" class="primary">
          Trace
        </button>
      </form>
      {id === '' ? (
        <Section title="Where is a message?">
          <p>
            The id of a message is in the answer to its send, and in the logs. It begins with the id of its
            sender. The conversation is needed only when the sender used the id in several: as the sender
            names it, <code>u</code> and a user id or <code>g</code> and a group id.
          </p>
        </Section>
      ) : (
        <Way id={id} conversation={conversation} />
      )}
    </>
  );
}

function Way({ id, conversation }: { readonly id: string; readonly conversation: string }) {
  const path = `/messages/${encodeURIComponent(id)}${conversation === '' ? '' : `?in=${encodeURIComponent(conversation)}`}`;
  const { answer, problem, refresh } = useAsked<Trace>(path);
  const isLong = answer?.next !== undefined;
  const pages = usePages<Recipient>(isLong ? path : undefined);
  const recipients = (isLong ? pages.items : undefined) ?? answer?.recipients ?? [];
  return (
    <>
      <Problem text={problem === '' ? pages.problem : problem} />
      {answer !== undefined && (
        <>
          <About trace={answer} refresh={refresh} />
          <Section title="Recipients">
            {answer.unknown !== undefined && <p>{answer.unknown}</p>}
            {recipients.map((recipient) => (
              <OneRecipient key={recipient.user.id} recipient={recipient} />
            ))}
            <More more={pages.more} />
          </Section>
        </>
      )}
    </>
  );
}

function About({ trace, refresh }: { readonly trace: Trace; readonly refresh: () => void }) {
  const { from, to, storedAt, kept, seq, type, recalled, conversation } = trace;
  return (
    <Section
      title="Stored"
      acts={
        <button type="button" onClick={refresh}>
          Refresh
        </button>
      }
    >
      <ol class="way">
        <li>
          <span class="quiet">from</span> <UserLink user={from} />
        </li>
        <li>
          <span class="quiet">to</span> {to.user !== undefined && <UserLink user={to.user} />}
          {to.group !== undefined && <GroupLink group={to.group} />}
        </li>
        <li>
          <span class="quiet">stored</span> {clock(storedAt)}{' '}
          <span class="quiet">({since(storedAt)} ago)</span>
        </li>
        <li>
          <Badge tone={kept ? 'good' : 'warning'}>{kept ? 'in the log' : 'the log holds it no longer'}</Badge>{' '}
          <span class="quiet">
            {conversation}
            {seq === undefined ? '' : `, entry ${count(seq)}`}
            {type === undefined || type === '' ? '' : `, ${type}`}
          </span>{' '}
          {recalled === true && <Badge tone="note">recalled</Badge>}
        </li>
      </ol>
    </Section>
  );
}

const GroupLink = ({ group: { id, name } }: { readonly group: Named }) => (
  <a href={hashOf('groups', id)}>{name === '' ? `group ${id}` : name}</a>
);

const NamedFact = ({ name, is }: { readonly name: string; readonly is: Finding }) => (
  <span class="named">
    <span class="quiet">{name}</span> <Fact is={is} />
  </span>
);

function OneRecipient({ recipient: { user, delivered, read, devices } }: { readonly recipient: Recipient }) {
  return (
    <div class="recipient">
      <h3>
        <UserLink user={user} />
      </h3>
      <div class="facts">
        <NamedFact name="delivered" is={delivered} />
        <NamedFact name="read" is={read} />
      </div>
      {devices.length === 0 && <p class="quiet">The user has no device.</p>}
      <ul class="devices">
        {devices.map(({ device, label, server, pushed, delivered: arrived }) => (
          <li key={device}>
            <span>
              {label === '' ? device : label} {server !== undefined && <span class="quiet">at {server}</span>}
            </span>
            <div class="facts">
              <NamedFact name="pushed" is={pushed} />
              <NamedFact name="delivered" is={arrived} />
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
