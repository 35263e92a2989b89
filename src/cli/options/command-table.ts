import type { CommandName } from './option.ts';

type CommandGroup = 'Start' | 'Back up and look' | 'Trust' | 'Keys and settings' | 'Shell';

/** One command, as help shows it. What it does is in `commands/`, loaded when it runs. */
export interface CommandDefinition {
  readonly name: CommandName;
  readonly aliases?: readonly string[];
  readonly group: CommandGroup;
  /** Operands as help shows them. */
  readonly operands: string;
  readonly operandsMin: number;
  readonly operandsMax: number;
  /** One line with final period. */
  readonly summary: string;
  readonly examples: readonly string[];
  /** Besides 0, 1 and 2. */
  readonly exitCodes: readonly number[];
  readonly seeAlso: readonly string[];
  /** What it prints on standard output is a file, so that JSON Lines go to standard error. */
  readonly dataOnStdout?: true;
  /** Works without configuration and without the core. */
  readonly plain?: true;
}

const opening: readonly number[] = [10, 12, 13, 22];
const reading: readonly number[] = [10, 12, 13, 21, 22];
/** Ended by a signal. */
const stopped: readonly number[] = [129, 130, 143];
const any = Number.POSITIVE_INFINITY;

/** Every command there is, in the order of help. */
export const commandTable: readonly CommandDefinition[] = [
  {
    name: 'init',
    group: 'Start',
    operands: '[NAME]',
    operandsMin: 0,
    operandsMax: 1,
    summary: 'Make a new repository on one or several mirrors.',
    examples: [
      'versions init --mirror usb=/media/usb/versions --mirror nas=/mnt/nas/versions',
      'versions init --mirror "b2=s3://BUCKET?endpoint=https://HOST&region=REGION" --credentials b2=profile:b2',
    ],
    exitCodes: [11, 12, 22],
    seeAlso: ['connect', 'backup', 'key export'],
  },
  {
    name: 'connect',
    group: 'Start',
    operands: '[NAME]',
    operandsMin: 0,
    operandsMax: 1,
    summary: 'Take up an existing repository on this machine, or rebuild its catalog.',
    examples: [
      'versions connect --mirror usb=/media/usb/versions',
      'versions connect home --mirror nas=/mnt/nas/versions --read-only',
    ],
    exitCodes: [10, 11, 12, 13, 22],
    seeAlso: ['init', 'snapshots', 'restore'],
  },
  {
    name: 'backup',
    group: 'Back up and look',
    operands: '[PATH...] [-- CMD...]',
    operandsMin: 0,
    operandsMax: any,
    summary: 'Save files and directories as a new snapshot.',
    examples: [
      "versions backup ~/photos ~/documents --exclude '*.tmp'",
      'versions backup --stdin-name shop.sql -- pg_dump shop',
    ],
    exitCodes: [3, 10, 11, 12, 13, 22, ...stopped],
    seeAlso: ['snapshots', 'restore', 'verify'],
  },
  {
    name: 'snapshots',
    aliases: ['list'],
    group: 'Back up and look',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'List the snapshots, oldest first.',
    examples: ['versions snapshots', 'versions snapshots --host web1 --path /srv'],
    exitCodes: opening,
    seeAlso: ['ls', 'restore', 'stats'],
  },
  {
    name: 'ls',
    group: 'Back up and look',
    operands: 'SNAP[:PATH]',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'List what is in a snapshot.',
    examples: ['versions ls latest:/home/ann', 'versions ls -lR 3f2a91bc'],
    exitCodes: reading,
    seeAlso: ['snapshots', 'cat', 'restore'],
  },
  {
    name: 'cat',
    group: 'Back up and look',
    operands: 'SNAP:FILE',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'Print a file of a snapshot.',
    examples: [
      'versions cat latest:/home/ann/notes.md',
      'versions cat latest~2:/srv/shop.sql | psql shop',
    ],
    exitCodes: reading,
    seeAlso: ['ls', 'restore'],
    dataOnStdout: true,
  },
  {
    name: 'restore',
    group: 'Back up and look',
    operands: 'SNAP[:PATH]',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'Bring files back from a snapshot.',
    examples: [
      'versions restore latest:/home/ann/photos -t ~/photos-again',
      "versions restore @2026-11-01 -t /mnt/new --include '*.jpg'",
    ],
    exitCodes: [3, ...reading, ...stopped],
    seeAlso: ['snapshots', 'ls', 'cat'],
  },
  {
    name: 'status',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Show on one page what is saved, on how many mirrors, and what to do next.',
    examples: ['versions status', 'versions status --json | jq -r .next'],
    exitCodes: [10, 12, 13, 20, 21, 22],
    seeAlso: ['mirror status', 'verify', 'snapshots'],
  },
  {
    name: 'doctor',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Try out what the place of each mirror can do, and how fast it is.',
    examples: ['versions doctor', 'versions doctor --mirror b2 --json'],
    exitCodes: [10, 12, 13, 20, 22, ...stopped],
    seeAlso: ['status', 'mirror add', 'verify'],
  },
  {
    name: 'verify',
    aliases: ['check', 'scrub'],
    group: 'Trust',
    operands: '[URL…]',
    operandsMin: 0,
    operandsMax: 64,
    summary: 'Read and check what the mirrors hold; change nothing unless told to heal.',
    examples: [
      'versions verify --level data --subset 5% --max-age 30d --heal',
      'versions verify --keyless --level data --heal /mnt/nas/versions /media/usb/versions',
    ],
    exitCodes: [10, 12, 13, 20, 21, 22, ...stopped],
    seeAlso: ['heal', 'stats', 'restore'],
  },
  {
    name: 'heal',
    aliases: ['repair'],
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Make damaged and missing copies good again, from the other mirrors.',
    examples: ['versions heal -n', 'versions heal --mirror usb --max-bytes 10GiB'],
    exitCodes: [10, 11, 12, 13, 20, 21, 22, ...stopped],
    seeAlso: ['verify', 'restore'],
  },
  {
    name: 'mirror list',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'List the mirrors and where they are.',
    examples: ['versions mirror list', 'versions mirror list --json'],
    exitCodes: opening,
    seeAlso: ['mirror status', 'mirror add'],
  },
  {
    name: 'mirror status',
    group: 'Trust',
    operands: '[NAME...]',
    operandsMin: 0,
    operandsMax: any,
    summary: 'Show what each mirror owes, what is damaged, and when it was verified.',
    examples: ['versions mirror status', 'versions mirror status nas'],
    exitCodes: [10, 12, 13, 20, 22],
    seeAlso: ['status', 'mirror sync', 'verify'],
  },
  {
    name: 'mirror add',
    group: 'Trust',
    operands: 'NAME URL',
    operandsMin: 2,
    operandsMax: 2,
    summary: 'Make a place a mirror of the repository and fill it from the others.',
    examples: [
      'versions mirror add usb /media/usb/versions',
      "versions mirror add s3 's3://BUCKET/PREFIX?region=REGION' --credentials s3=profile:backup",
    ],
    exitCodes: [10, 11, 12, 13, 20, 22, ...stopped],
    seeAlso: ['mirror sync', 'mirror remove', 'init'],
  },
  {
    name: 'mirror sync',
    group: 'Trust',
    operands: '[NAME...]',
    operandsMin: 0,
    operandsMax: any,
    summary: 'Give mirrors what they lack, from the others.',
    examples: ['versions mirror sync', 'versions mirror sync usb -n'],
    exitCodes: [3, 10, 11, 12, 13, 20, 22, ...stopped],
    seeAlso: ['mirror status', 'verify'],
  },
  {
    name: 'mirror set',
    group: 'Trust',
    operands: '[NAME [URL]]',
    operandsMin: 0,
    operandsMax: 2,
    summary: 'Say that a mirror has moved or has another name, or how many must store an object.',
    examples: [
      'versions mirror set usb /media/other/versions',
      'versions mirror set --mirrors-min 2',
    ],
    exitCodes: [10, 11, 12, 13, 22],
    seeAlso: ['mirror list', 'config show'],
  },
  {
    name: 'mirror remove',
    group: 'Trust',
    operands: 'NAME',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'Take a mirror out of the repository; what lies there is left alone.',
    examples: ['versions mirror remove usb', 'versions mirror remove usb --lost'],
    exitCodes: [10, 11, 12, 13, 21, 22],
    seeAlso: ['mirror add', 'mirror list'],
  },
  {
    name: 'catalog rebuild',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Make the catalog anew from what the mirrors hold, and write from here.',
    examples: [
      'versions catalog rebuild',
      'versions catalog rebuild --from nas --to sqlite:/var/lib/versions/home.db',
    ],
    exitCodes: [3, 10, 11, 12, 13, 21, 22, ...stopped],
    seeAlso: ['connect', 'snapshots', 'verify'],
  },
  {
    name: 'catalog verify',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Compare the catalog with what the mirrors hold; change nothing.',
    examples: ['versions catalog verify', 'versions catalog verify --json'],
    exitCodes: [10, 12, 13, 20, 21, 22, ...stopped],
    seeAlso: ['catalog rebuild', 'verify'],
  },
  {
    name: 'catalog copy',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Move the catalog to another place, such as from a file to DynamoDB.',
    examples: [
      "versions catalog copy --to 'dynamodb://versions-home?region=eu-central-1'",
      'versions catalog copy --to sqlite:/var/lib/versions/home.db',
    ],
    exitCodes: [10, 11, 12, 13, 22, ...stopped],
    seeAlso: ['catalog rebuild', 'config show'],
  },
  {
    name: 'debug corrupt',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Damage copies on purpose, to see what verify finds and heal mends.',
    examples: ['versions debug corrupt -n', 'versions debug corrupt --count 3 --seed 7 --yes'],
    exitCodes: [3, 10, 13, 22, ...stopped],
    seeAlso: ['verify', 'heal'],
  },
  {
    name: 'stats',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Show how much the repository and each mirror hold.',
    examples: ['versions stats', 'versions stats -r photos --json'],
    exitCodes: opening,
    seeAlso: ['snapshots', 'verify'],
  },
  {
    name: 'cost',
    group: 'Trust',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Estimate what the mirrors cost a month, and what one full restore would.',
    examples: [
      'versions cost --price nas=own --verify-every 90',
      'versions cost --print-prices > prices.json; versions cost --prices prices.json',
    ],
    exitCodes: opening,
    seeAlso: ['stats', 'status'],
  },
  {
    name: 'key export',
    group: 'Keys and settings',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Print a key that opens the repository, to be kept in a safe place.',
    examples: ['versions key export', 'versions key export > /media/usb/home.key'],
    exitCodes: opening,
    seeAlso: ['connect', 'init'],
    dataOnStdout: true,
  },
  {
    name: 'config show',
    group: 'Keys and settings',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Show the settings that hold for a repository.',
    examples: ['versions config show', 'versions config show --origin -r photos'],
    exitCodes: [10],
    seeAlso: ['config path', 'init'],
  },
  {
    name: 'config path',
    group: 'Keys and settings',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Print the path of the configuration file.',
    examples: ['versions config path', '$EDITOR "$(versions config path)"'],
    exitCodes: [],
    seeAlso: ['config show'],
  },
  {
    name: 'completion',
    group: 'Shell',
    operands: 'bash|zsh|fish',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'Print a script that completes commands and flags in a shell.',
    examples: [
      'eval "$(versions completion bash)"',
      'versions completion fish > ~/.config/fish/completions/versions.fish',
    ],
    exitCodes: [],
    seeAlso: ['help'],
    plain: true,
  },
  {
    name: 'help',
    group: 'Shell',
    operands: '[COMMAND]',
    operandsMin: 0,
    operandsMax: 2,
    summary: 'Show all commands, or one in detail.',
    examples: ['versions help', 'versions help restore'],
    exitCodes: [],
    seeAlso: ['version'],
    plain: true,
  },
  {
    name: 'version',
    group: 'Shell',
    operands: '',
    operandsMin: 0,
    operandsMax: 0,
    summary: 'Show the version of the program and of the stored format.',
    examples: ['versions version', 'versions --version'],
    exitCodes: [],
    seeAlso: ['help'],
    plain: true,
  },
];

/** Names that later versions will use, each with what to do until then. */
export const reservedCommands: ReadonlyMap<string, string> = new Map([
  ['cache', 'the cache directory may be removed at any time; it is made again'],
  ['clone', 'a mirror is plain files: copy its directory with any tool that keeps names'],
  ['copy', 'later versions will call it sync'],
  ['diff', 'versions ls -R --json lists a snapshot; compare two lists'],
  ['dump', 'versions restore SNAP:DIR -t DIR, then pack that directory'],
  ['find', 'versions ls -R SNAP lists everything in a snapshot'],
  ['forget', 'every snapshot is kept until then'],
  ['history', 'versions ls -l SNAP:FILE shows the file in one snapshot'],
  ['journal', 'versions stats counts the entries of the journal'],
  ['log', 'versions ls -l SNAP:FILE shows the file in one snapshot'],
  ['mount', 'versions restore SNAP:PATH -t DIR brings back a part'],
  ['pin', 'every snapshot is kept until then'],
  ['prune', 'every snapshot is kept until then'],
  ['rewrite', 'every snapshot is kept as it was made'],
  ['schedule', 'run versions backup from cron or a systemd timer'],
  ['serve', 'versions cat SNAP:FILE and versions restore bring files back'],
  ['sync', 'versions connect opens an existing repository on another machine'],
  ['tag', 'give tags with versions backup --tag'],
  ['ui', 'versions snapshots and versions ls show what is saved'],
  ['watch', 'run versions backup from cron or a systemd timer'],
]);

/** Second words that later versions will use. */
export const reservedSubcommands: ReadonlyMap<string, readonly string[]> = new Map([
  ['config', ['get', 'set']],
  ['key', ['list', 'add', 'remove', 'passwd', 'rotate']],
]);

/** The command that a name or alias stands for. */
export function commandNamed(name: string): CommandDefinition | undefined {
  return commandTable.find(
    (command) => command.name === name || command.aliases?.includes(name) === true,
  );
}
