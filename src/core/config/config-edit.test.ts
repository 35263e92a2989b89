import { describe, expect, it } from 'vitest';
import { type ConfigEdit, editRepository } from './config-edit.ts';
import { parseConfigFile, type ParseConfigOptions } from './config-file.ts';

const options: ParseConfigOptions = {
  file: '/etc/config.toml',
  base: { directory: '/etc', home: '/home/ann' },
  definitions: [
    { name: 'mirrors-min', kind: 'count', scope: 'repository' },
    { name: 'catalog', kind: 'place', scope: 'repository' },
    { name: 'paths', kind: 'paths', scope: 'repository' },
  ],
};

const text = `# mine
default = "home"

[repositories.home] # the one
paths = [
  "~",
]
mirrors-min = 1  # not more

[repositories.home.mirrors.usb]
url = "/media/usb"  # blue

# the one in the cellar
[repositories.home.mirrors.nas]
# slow
url = '/mnt/nas'

[repositories.other]
[repositories.other.mirrors.usb]
url = "/media/usb/other"
`;

const edit = (change: ConfigEdit, from = text, name = 'home'): string =>
  editRepository(from, name, change, options);
const mirrorsOf = (edited: string, name = 'home'): string[] =>
  (parseConfigFile(edited, options).repositories.get(name)?.mirrors ?? []).map(
    (mirror) => `${mirror.name} ${mirror.url}`,
  );

describe('editRepository', () => {
  it('adds a mirror at the end and leaves the rest as it is', () => {
    const edited = edit({ kind: 'add-mirror', mirror: { name: 'b2', url: '/srv/"b2"' } });
    expect(edited.startsWith(text)).toBe(true);
    expect(mirrorsOf(edited)).toEqual(['usb /media/usb', 'nas /mnt/nas', 'b2 /srv/"b2"']);
    expect(mirrorsOf(edited, 'other')).toEqual(['usb /media/usb/other']);
  });

  it('adds to a text without a line break at its end', () => {
    const mirror = { name: 'b2', url: '/b2' };
    expect(mirrorsOf(edit({ kind: 'add-mirror', mirror }, text.trimEnd()))).toContain('b2 /b2');
  });

  it('removes a mirror, of one repository only, and not the comment of its neighbour', () => {
    const edited = edit({ kind: 'remove-mirror', name: 'usb' });
    expect(mirrorsOf(edited)).toEqual(['nas /mnt/nas']);
    expect(mirrorsOf(edited, 'other')).toEqual(['usb /media/usb/other']);
    expect(edited).toContain('# the one in the cellar\n[repositories.home.mirrors.nas]');
    expect(edited).not.toContain('blue');
    expect(mirrorsOf(edit({ kind: 'remove-mirror', name: 'nas' }))).toEqual(['usb /media/usb']);
  });

  it('moves and renames a mirror where it stands', () => {
    const to = { name: 'attic', url: '/mnt/attic' };
    const edited = edit({ kind: 'change-mirror', name: 'nas', to });
    expect(mirrorsOf(edited)).toEqual(['usb /media/usb', 'attic /mnt/attic']);
    expect(edited).toContain('# slow');
    expect(edited.indexOf('attic')).toBeLessThan(edited.indexOf('repositories.other'));
  });

  it('sets mirrors-min, where it stands or new', () => {
    expect(edit({ kind: 'mirrors-min', value: 2 })).toContain('mirrors-min = 2  # not more');
    const edited = edit({ kind: 'mirrors-min', value: 1 }, text, 'other');
    expect(parseConfigFile(edited, options).repositories.get('other')?.settings).toEqual(
      new Map([['mirrors-min', 1]]),
    );
  });

  it.each([
    ['new', text, 'home'],
    [
      'over another',
      text.replace('mirrors-min', "catalog = 'sqlite:/x$1' # here\nmirrors-min"),
      'home',
    ],
  ])('sets the catalog, %s', (_, before, name) => {
    const value = 'dynamodb://table?region=x&profile=$&';
    const edited = edit({ kind: 'catalog', value }, before, name);
    expect(parseConfigFile(edited, options).repositories.get(name)?.settings.get('catalog')).toBe(
      value,
    );
    expect(edited.includes('# here')).toBe(before.includes('# here'));
  });

  it.each([
    ['inline', '[repositories.home]\nmirrors = { usb = { url = "/a" }, nas = { url = "/b" } }\n'],
    [
      'dotted',
      'repositories.home.mirrors.usb.url = "/a"\nrepositories.home.mirrors.nas.url = "/b"',
    ],
    [
      'in a text',
      '[repositories.home]\npaths = ["""\n[repositories.home.mirrors.usb]\n"""]\nmirrors.usb.url = "/a"\n',
    ],
  ])('refuses what is laid out so that it cannot be changed: %s', (_, unusual) => {
    for (const change of [
      { kind: 'remove-mirror', name: 'usb' },
      { kind: 'change-mirror', name: 'usb', to: { name: 'usb', url: '/new' } },
    ] as const) {
      expect(() => edit(change, unusual)).toThrow(
        expect.objectContaining({ code: 'CONFIG_NOT_EDITABLE' }),
      );
    }
  });

  it('refuses a repository that the file does not have', () => {
    expect(() => edit({ kind: 'remove-mirror', name: 'usb' }, text, 'none')).toThrow(
      /cannot be changed/,
    );
  });
});
