import type { CommandTable } from './command-table.js';
import { argumentBranches, type Branch, paths, valueBranches } from './shell-case.js';

/**
 * The completion of bash 3.2 and later: one function, and no process at a keypress. Version 3.2, which is that of macOS, reads nothing from
 * `source <(...)`, so what sets it up is `eval`.
 */
export function bashCompletion(table: CommandTable): string {
  return `# Completion of jetfleet for bash: eval "$(jetfleet completion bash)"
_jetfleet() {
  local cur=\${COMP_WORDS[COMP_CWORD]} at='' kind='' offered='' word i count=0
  COMPREPLY=()
  # "--status=failed" comes as three words.
  [[ $cur == '=' ]] && cur=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == '=' ]]; then
      continue
    elif ${followWord(table, 'count=$((count + 1))')}
  done
  if [[ -z $kind && $cur != -* ]]; then
    case "$at $((count + 1))" in
${cases(argumentBranches(table), 6, (kind) => `kind=${quote(kind)}`)}
    esac
  fi
  case $kind in
    '') ;;
    file | +file)
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur")
      ;;
    folder | +folder)
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -d -- "$cur")
      ;;
    text | +text) ;;
    *) COMPREPLY=($(compgen -W "\${kind#+}" -- "$cur")) ;;
  esac
  [[ -n $kind && ! ($kind == +* && $cur == -*) ]] && return
  if [[ $cur == -* ]]; then
    offered=${quote(table.globals.flatMap(({ names }) => names).join(' '))}
    case $at in
${table.commands.map((command) => optionsOf(command)).join('\n')}
    esac
  else
    case $at in
${table.commands.flatMap(commandsOf).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$offered" -- "$cur"))
}
complete -F _jetfleet jetfleet
`;
}

function optionsOf({ path, options, hasGlobals }: CommandTable['commands'][number]): string {
  const names = options.flatMap((option) => option.names).join(' ');
  return `      ${quote(path)}) offered=${hasGlobals ? `"$offered "${quote(names)}` : quote(names)} ;;`;
}

function commandsOf({ path, commands }: CommandTable['commands'][number]): string[] {
  if (commands.length === 0) return [];
  return [`      ${quote(path)}) offered=${quote(commands.map(({ name }) => name).join(' '))} ;;`];
}

/**
 * How the words before the cursor lead to a command, which zsh reads as bash does: from the condition of an `if` to its `fi`.
 * @param counted what counts an argument
 */
export function followWord(table: CommandTable, counted: string): string {
  return `[[ $word == -* ]]; then
      kind=''
      case "$at $word" in
${cases(valueBranches(table), 8, (kind) => `kind=${quote(kind)}`)}
      esac
    elif [[ -n $kind ]]; then
      [[ $kind == +* ]] || kind=''
    else
      case "\${at:+$at }$word" in
${cases([{ patterns: paths(table), isAnywhere: false, kind: '' }], 8, () => `at=\${at:+$at }$word`)}
        *) ${counted} ;;
      esac
    fi`;
}

/** The branches of a `case`, which zsh reads as bash does. */
export function cases(branches: readonly Branch[], indent: number, action: (kind: string) => string): string {
  return branches
    .map(({ patterns, isAnywhere, kind }) => {
      const list = patterns.map((pattern) => `${isAnywhere ? '*' : ''}${quote(pattern)}`).join(' | ');
      return `${' '.repeat(indent)}${list}) ${action(kind)} ;;`;
    })
    .join('\n');
}

/** A word that the shell takes as it is. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
