import { readFileSync } from 'node:fs';

export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

interface Table {
  readonly names: ReadonlyMap<number, string>;
  readonly ids: ReadonlyMap<string, number>;
}

/**
 * Names of users and groups, from this machine's own files only (no LDAP); each is read at the
 * first question. A missing or unreadable file gives no names.
 */
export class AccountNames {
  readonly #files: AccountFiles;
  #users: Table | undefined;
  #groups: Table | undefined;

  constructor(files: AccountFiles) {
    this.#files = files;
  }

  userName(uid: number): string | undefined {
    return this.#userTable().names.get(uid);
  }

  userId(name: string): number | undefined {
    return this.#userTable().ids.get(name);
  }

  groupName(gid: number): string | undefined {
    return this.#groupTable().names.get(gid);
  }

  groupId(name: string): number | undefined {
    return this.#groupTable().ids.get(name);
  }

  #userTable(): Table {
    this.#users ??= readTable(this.#files.passwd);
    return this.#users;
  }

  #groupTable(): Table {
    this.#groups ??= readTable(this.#files.group);
    return this.#groups;
  }
}

/** The names of this machine. */
export function lookupNames(): AccountNames {
  return new AccountNames({ passwd: '/etc/passwd', group: '/etc/group' });
}

const idMax = 0xfffffffe;

/** Both files have the name in the first field and the id in the third. The first line wins. */
function readTable(path: string): Table {
  const names = new Map<number, string>();
  const ids = new Map<string, number>();
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Names are a convenience: ids alone restore as well.
  }
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    // A leading + or - is a reference to NIS.
    if (!name || id === undefined || !/^\d{1,10}$/.test(id) || /^[+-]/.test(name)) continue;
    const number = Number(id);
    if (number > idMax) continue;
    if (!names.has(number)) names.set(number, name);
    if (!ids.has(name)) ids.set(name, number);
  }
  return { names, ids };
}
