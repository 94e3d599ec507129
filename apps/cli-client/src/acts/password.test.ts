import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { CimError } from '@cim/protocol';
import { parseLine } from '../commands/parse-line.ts';
import { PasswordChange } from './password.ts';

let asked: string[];
let answers: (string | undefined)[];
let changes: (readonly [string | undefined, string])[];
let notices: string[];
let refusal: CimError | undefined;
beforeEach(() => {
  [asked, answers, changes, notices, refusal] = [[], [], [], [], undefined];
});

const start = (loggedInWith: 'nothing' | 'password' | 'token'): PasswordChange =>
  new PasswordChange({
    client: {
      changePassword: (...change) => {
        changes.push(change);
        return refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
      },
    },
    screen: {
      askSecret: (question) => {
        asked.push(question);
        return Promise.resolve(answers.shift());
      },
    },
    loggedInWith,
    notice: (text) => notices.push(text),
  });
const run = (change: PasswordChange) => change.run(parseLine(':password'));

describe(':password', () => {
  it('sets the first one, and asks for it at the next change', async () => {
    const change = start('nothing');
    answers = ['first one', 'first one', 'first one', 'second one', 'second one'];
    await run(change);
    await run(change);
    assert.deepEqual(changes, [
      [undefined, 'first one'],
      ['first one', 'second one'],
    ]);
    assert.deepEqual(
      asked.map((question) => question.split(/[,:]/, 1)[0]),
      [
        ...['new password', 'new password again'],
        ...['password until now', 'new password', 'new password again'],
      ],
    );
    assert.match(notices[0] ?? '', /you have a password from now on; your other devices are logged out/);
    assert.match(notices[1] ?? '', /the password is changed/);
  });

  it('changes nothing when the person gives up, or types two different ones', async () => {
    for (const given of [[undefined], ['old', undefined], ['old', 'a new one', undefined]]) {
      answers = [...given];
      await run(start('password'));
      assert.equal(asked.splice(0).length, given.length);
      assert.deepEqual(notices.splice(0), ['the password is left as it is']);
    }
    answers = ['old', 'a new one', 'a knew one'];
    await assert.rejects(run(start('password')), /the two are not the same/);
    await assert.rejects(run(start('token')), /logged in with a token/);
    assert.deepEqual(changes, []);
  });

  it('says which one was wrong, and when it is not known what became of it', async () => {
    refusal = new CimError('unknownAccount');
    answers = ['old', 'a new one', 'a new one'];
    await assert.rejects(run(start('password')), /that is not the password until now/);
    refusal = new CimError('failure', 'no answer in 5 s');
    answers = ['old', 'a new one', 'a new one'];
    await assert.rejects(run(start('password')), /may be changed or not: no answer in 5 s/);
    refusal = new CimError('invalid', 'newPassword: it has fewer than 8 characters');
    const change = start('nothing');
    answers = ['short', 'short', 'long enough', 'long enough'];
    await assert.rejects(run(change), /fewer than 8/);
    refusal = undefined;
    await run(change);
    assert.deepEqual(changes.at(-1), [undefined, 'long enough'], 'a refused one is not there');
  });
});
