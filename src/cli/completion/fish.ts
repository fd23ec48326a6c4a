import type { CommandTable, Described, TableOption } from './command-table.js';
import { argumentBranches, type Branch, paths, valueBranches } from './shell-case.js';

/** The completion of fish, with what each command and option is for. */
export function fishCompletion(table: CommandTable): string {
  return `# Completion of jetfleet for fish: jetfleet completion fish | source
function __jetfleet_kind
    switch "$argv[1] $argv[2]"
${cases(valueBranches(table), (kind) => `echo ${quote(kind)}`)}
    end
end

function __jetfleet_values
    set -l kind (string replace -r '^\\\\+' '' -- $argv[1])
    switch "$kind"
        case file
            __fish_complete_path $argv[2]
        case folder
            __fish_complete_directories $argv[2]
        case text
        case '*'
            string split ' ' -- $kind
    end
end

function __jetfleet_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l at ''
    set -l kind ''
    set -l count 1
    for word in $words[2..]
        if string match -q -- '-*' $word
            set kind (__jetfleet_kind "$at" $word)
        else if test -n "$kind"
            string match -q -- '+*' "$kind"; or set kind ''
        else
            switch (string trim -- "$at $word")
${cases([{ patterns: paths(table), isAnywhere: false, kind: '' }], () => 'set at (string trim -- "$at $word")', 12)}
                case '*'
                    set count (math $count + 1)
            end
        end
    end
    # "--status=failed" is one word.
    if string match -q -- '--*=*' $cur
        set -l parts (string split -m 1 = -- $cur)
        printf '%s\\n' $parts[1]=(__jetfleet_values (__jetfleet_kind "$at" $parts[1]) $parts[2])
        return
    end
    if test -z "$kind"; and not string match -q -- '-*' $cur
        switch "$at $count"
${cases(argumentBranches(table), (kind) => `set kind ${quote(kind)}`, 8)}
        end
    end
    if test -n "$kind"
        if not string match -q -- '+*' "$kind"; or not string match -q -- '-*' $cur
            __jetfleet_values $kind $cur
            return
        end
    end
    if string match -q -- '-*' $cur
        switch "$at"
${branch(
  table.commands.filter(({ hasGlobals }) => hasGlobals).map(({ path }) => path),
  optionLines(table.globals),
)}
        end
        switch "$at"
${table.commands.map(({ path, options }) => branch([path], optionLines(options))).join('\n')}
        end
    else
        switch "$at"
${table.commands
  .filter(({ commands }) => commands.length > 0)
  .map(({ path, commands }) => branch([path], commands))
  .join('\n')}
        end
    end
end
complete -c jetfleet -f -a '(__jetfleet_complete)'
`;
}

function optionLines(options: readonly TableOption[]): Described[] {
  return options.flatMap(({ names, description }) => names.map((name) => ({ name, description })));
}

/** Prints what is offered, with what it is for behind a tab. */
function branch(patterns: readonly string[], offered: readonly Described[]): string {
  const words = offered.flatMap(({ name, description }) => [quote(name), quote(description)]);
  const print = words.length > 0 ? `printf '%s\\t%s\\n' ${words.join(' ')}` : '';
  return `            case ${patterns.map(quote).join(' ')}\n                ${print}`.trimEnd();
}

function cases(branches: readonly Branch[], action: (kind: string) => string, indent = 4): string {
  const blanks = ' '.repeat(indent + 4);
  return branches
    .map(({ patterns, isAnywhere, kind }) => {
      const list = patterns.map((pattern) => quote(`${isAnywhere ? '*' : ''}${pattern}`)).join(' ');
      return `${blanks}case ${list}\n${blanks}    ${action(kind)}`;
    })
    .join('\n');
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
