import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../test/fidelity/temporary-directory.ts';
import { AccountNames, lookupNames } from './account-names.ts';

let directory: TemporaryDirectory;
beforeAll(() => void (directory = new TemporaryDirectory()));
afterAll(() => directory.remove());

describe('AccountNames', () => {
  it('reads both ways; the first line of a name or id wins', () => {
    const passwd = directory.text('passwd');
    const group = directory.text('group');
    writeFileSync(
      passwd,
      'root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\nann:x:1000:5::/:\nann:x:1001:5::/:\n' +
        '+@nis:::::\n-bad:x:7:7::/:\n:x:8:8::/:\nx\nneg:x:-1:0::/:\nbig:x:4294967295:0::/:\nö:x:9:9::/:\n',
    );
    writeFileSync(group, 'users:x:100:ann,bob\n');
    const names = new AccountNames({ passwd, group });
    expect(names.userName(0)).toBe('root');
    expect(names.userId('toor')).toBe(0);
    expect(names.userId('ann')).toBe(1000);
    expect(names.userName(1001)).toBe('ann');
    expect([7, 8, -1, 4_294_967_295].map((id) => names.userName(id))).toEqual(
      Array(4).fill(undefined),
    );
    expect(names.userName(9)).toBe('ö');
    expect(names.groupName(100)).toBe('users');
    expect(names.groupId('users')).toBe(100);
    expect(names.groupId('nobody-here')).toBeUndefined();
  });

  it('gives no names where there are no files', () => {
    const names = new AccountNames({ passwd: '/nonexistent', group: directory.root });
    expect(names.userName(0)).toBeUndefined();
    expect(names.groupId('root')).toBeUndefined();
  });

  it('knows the root of this machine', () => {
    expect(lookupNames().userName(0)).toBe('root');
    expect(lookupNames().groupId('root')).toBe(0);
  });
});
