import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GroupNames, type NamedGroup } from './group-names.ts';

const team = { id: '17', name: 'Our team' };
const other = { id: '18', name: 'others' };

function named(groups: readonly NamedGroup[]): { names: GroupNames; asked: () => number } {
  let asked = 0;
  const names = new GroupNames(() => {
    asked++;
    return Promise.resolve(groups);
  });
  return { names, asked: () => asked };
}

describe('a group that is named in the terminal', () => {
  it('is found by its id and by its name, whose case does not matter', async () => {
    const { names, asked } = named([team, other]);
    assert.deepEqual(await names.find('17'), team);
    assert.deepEqual(await names.find('OUR TEAM'), team);
    assert.equal(asked(), 1);
    assert.equal(names.nameOf('18'), 'others');
    assert.equal(names.nameOf('19'), '19');
  });

  it('is the one named last when none is named', async () => {
    const { names } = named([team, other]);
    await assert.rejects(names.find(undefined), /which group\?/);
    await names.find('others');
    assert.deepEqual(await names.find(undefined), other);
    names.meet({ id: '20', name: 'new' });
    assert.equal((await names.find(undefined)).id, '20');
  });

  it('must be one: several of one name are named by their ids', async () => {
    const { names } = named([team, { id: '21', name: 'our team' }]);
    await assert.rejects(names.find('our team'), /2 of your groups.*#17, #21/);
    assert.deepEqual(await names.find('21'), { id: '21', name: 'our team' });
    await assert.rejects(names.find('nobody'), /you are in no group "nobody"; :groups lists yours/);
  });

  it('is found although it was made after the last list', async () => {
    const groups: NamedGroup[] = [team];
    const { names } = named(groups);
    await names.find('17');
    groups.push(other);
    assert.deepEqual(await names.find('others'), other);
  });
});
