import type { OptionDefinition } from '../options/option.ts';
import { completedCommands, firstWords, secondWords, spellings, takesFile } from './words.ts';

export const shells = ['bash', 'zsh', 'fish'] as const;

export type Shell = (typeof shells)[number];

/** The script that makes a shell complete commands, flags and their fixed values. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript();
    case 'zsh':
      return zshScript();
    case 'fish':
      return fishScript();
    default:
      return shell satisfies never;
  }
}

/** `name) words="…" ;;` for each command, keyed as the scripts see it: its words joined by a space. */
function caseLines(): string[] {
  return completedCommands().map(({ words, flags, operands }) => {
    const all = [...operands, ...flags.flatMap(spellings)];
    return `    ${JSON.stringify(words.join(' '))}) choices="${all.join(' ')}" ;;`;
  });
}

function valueCases(): string[] {
  const flags = new Map<string, OptionDefinition>();
  for (const command of completedCommands()) {
    for (const flag of command.flags) flags.set(flag.name, flag);
  }
  return [...flags.values()].flatMap((flag) => {
    const names = spellings(flag).filter((name) => !name.startsWith('--no-'));
    if (flag.choices !== undefined) {
      return [`    ${names.join('|')}) choices="${flag.choices.join(' ')}" value=1 ;;`];
    }
    if (takesFile(flag)) return [`    ${names.join('|')}) value=files ;;`];
    return flag.value === undefined ? [] : [`    ${names.join('|')}) value=none ;;`];
  });
}

/** Flags whose value is the next word, which therefore is no command. */
function valueFlagPattern(): string {
  const flags = completedCommands().flatMap((command) => command.flags);
  const valued = flags.filter(({ value }) => value !== undefined).flatMap(spellings);
  return [...new Set(valued)].filter((name) => !name.startsWith('--no-')).join('|');
}

function familyPattern(): string {
  const families = [...firstWords().keys()].filter((word) => secondWords(word).length > 0);
  return families.join('|');
}

/** What both bash and zsh do: `command` from the words before the cursor, then `words` for it. */
function commonBody(): string {
  const second = [...firstWords().keys()].filter((word) => secondWords(word).length > 0);
  return [
    '  case "$command" in',
    `    "") choices="${[...firstWords().keys()].join(' ')} --help --version" ;;`,
    ...second.map(
      (word) => `    ${JSON.stringify(word)}) choices="${secondWords(word).join(' ')}" ;;`,
    ),
    ...caseLines(),
    '  esac',
    '  case "$previous" in',
    ...valueCases(),
    '  esac',
  ].join('\n');
}

function bashScript(): string {
  return `# Completion of versions for bash. Use it with: eval "$(versions completion bash)"
_versions() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="" choices="" value="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "$word" in
      ${valueFlagPattern()}) i=$((i + 1)) ;;
      -*) ;;
      *)
        case "$command" in
          "") command="$word" ;;
          ${familyPattern()}) command="$command $word" ;;
        esac ;;
    esac
  done
${commonBody()}
  if [[ $value == none ]]; then
    COMPREPLY=()
    return
  fi
  if [[ $value != files ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
    if [[ $current == -* || -n $value || -z $command ]]; then return; fi
    # Behind a command its words or files are meant, and flags only after a dash.
    local plain=""
    for word in "\${COMPREPLY[@]}"; do
      if [[ $word != -* ]]; then plain="$plain $word"; fi
    done
    COMPREPLY=($plain)
    if [[ \${#COMPREPLY[@]} -gt 0 ]]; then return; fi
  fi
  local IFS=$'\\n'
  compopt -o filenames 2> /dev/null
  COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _versions versions
`;
}

function zshScript(): string {
  return `#compdef versions
# Completion of versions for zsh. Use it with: eval "$(versions completion zsh)"
_versions() {
  local current="\${words[CURRENT]}" previous="\${words[CURRENT-1]}"
  local command="" choices="" value="" word i
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    case "$word" in
      ${valueFlagPattern()}) i=$((i + 1)) ;;
      -*) ;;
      *)
        case "$command" in
          "") command="$word" ;;
          ${familyPattern()}) command="$command $word" ;;
        esac ;;
    esac
  done
${commonBody()}
  local -a candidates
  candidates=(\${=choices})
  if [[ $value == files ]]; then
    _files
  elif [[ $value != none ]]; then
    # Behind a command its words or files are meant, and flags only after a dash.
    if [[ $current != -* && -n $command && -z $value ]]; then
      candidates=(\${candidates:#-*})
      if (( ! \${#candidates} )); then _files; return; fi
    fi
    compadd -- $candidates
  fi
}
if [[ "\${funcstack[1]}" == _versions ]]; then _versions "$@"; else compdef _versions versions; fi
`;
}

function fishScript(): string {
  const quote = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
  const none = '__fish_versions_words 0';
  const lines = [...firstWords()].map(
    ([word, summary]) => `complete -c versions -n '${none}' -f -a ${word} -d ${quote(summary)}`,
  );
  for (const word of firstWords().keys()) {
    const second = secondWords(word);
    if (second.length === 0) continue;
    lines.push(
      `complete -c versions -n '__fish_versions_words 1 ${word}' -f -a ${quote(second.join(' '))}`,
    );
  }
  for (const { words, flags, operands } of completedCommands()) {
    const condition = `-n '__fish_seen_subcommand_from ${words.at(-1)}'`;
    if (operands.length > 0) {
      lines.push(`complete -c versions ${condition} -f -a ${quote(operands.join(' '))}`);
    }
    for (const flag of flags) {
      const short = flag.short === undefined ? '' : ` -s ${flag.short}`;
      const choices = flag.choices === undefined ? '' : ` -x -a ${quote(flag.choices.join(' '))}`;
      const value = flag.value === undefined ? ' -f' : takesFile(flag) ? ' -rF' : ' -x';
      lines.push(
        `complete -c versions ${condition} -l ${flag.name}${short}${choices || value} -d ${quote(flag.help)}`,
      );
    }
  }
  return `# Completion of versions for fish. Use it with: versions completion fish | source
function __fish_versions_words
    set -l words (commandline -opc | string match -v -- '-*')
    test (count $words) -eq (math $argv[1] + 1); or return 1
    test -z "$argv[2]"; or test "$words[2]" = "$argv[2]"
end
${lines.join('\n')}
`;
}
