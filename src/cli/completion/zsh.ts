import { cases, followWord, quote } from './bash.js';
import type { CommandTable, Described, TableOption } from './command-table.js';
import { argumentBranches, valueBranches } from './shell-case.js';

/** The completion of zsh, with what each command and option is for. */
export function zshCompletion(table: CommandTable): string {
  return `#compdef jetfleet
# Completion of jetfleet for zsh: source <(jetfleet completion zsh), after compinit
_jetfleet() {
  local at='' kind='' word
  local -i count=0
  local -a offered
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if ${followWord(table, 'count+=1')}
  done
  # "--status=failed" is one word.
  if [[ $PREFIX == --*=* ]]; then
    kind=''
    case "$at \${PREFIX%%=*}" in
${cases(valueBranches(table), 6, (kind) => `kind=${quote(kind)}`)}
    esac
    compset -P '*='
    [[ -n $kind ]] || return 1
  elif [[ -z $kind && $PREFIX != -* ]]; then
    case "$at $((count + 1))" in
${cases(argumentBranches(table), 6, (kind) => `kind=${quote(kind)}`)}
    esac
  fi
  if [[ -n $kind && ! ($kind == +* && $PREFIX == -*) ]]; then
    case \${kind#+} in
      file) _files ;;
      folder) _files -/ ;;
      text) _message 'a value' ;;
      *) compadd -- \${=kind#+} ;;
    esac
    return
  fi
  if [[ $PREFIX == -* ]]; then
    offered=(
${optionLines(table.globals)}
    )
    case $at in
${table.commands.map(({ path, options, hasGlobals }) => `      ${quote(path)}) offered${hasGlobals ? '+' : ''}=(\n${optionLines(options)}\n      ) ;;`).join('\n')}
    esac
    _describe -o option offered
  else
    case $at in
${table.commands
  .filter(({ commands }) => commands.length > 0)
  .map(({ path, commands }) => `      ${quote(path)}) offered=(\n${lines(commands)}\n      ) ;;`)
  .join('\n')}
    esac
    (( $#offered )) && _describe command offered
  fi
}
# Sourced by hand, or found in the fpath.
if [[ $funcstack[1] == _jetfleet ]]; then _jetfleet "$@"; else compdef _jetfleet jetfleet; fi
`;
}

function optionLines(options: readonly TableOption[]): string {
  return lines(options.flatMap(({ names, description }) => names.map((name) => ({ name, description }))));
}

function lines(described: readonly Described[]): string {
  return described.map(({ name, description }) => `        ${quote(`${name}:${description}`)}`).join('\n');
}
