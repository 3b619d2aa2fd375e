# SPDX-License-Identifier: Apache-2.0
# bash completion for schlossctl and schlossd; words come from the programs' own help.
_schloss_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
}
_schlossctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=() i help= me=${COMP_WORDS[0]}
	case $prev in
	-F|--conf|--password-file|--set-file|--file) _schloss_files -f "$cur"; return ;;
	-o|--output) mapfile -t COMPREPLY < <(compgen -W "table json" -- "$cur"); return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-F|-o|--output|--tenant) i=$((i + 1)) ;;
		-*) ;;
		help) ;; # what comes behind it is what it is about
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	if [[ $cur == -* ]]; then # those in the usage of the verb
		[ ${#words[@]} = 0 ] || help=$("$me" help "${words[@]:0:2}" 2>/dev/null || "$me" help "${words[0]}" 2>/dev/null)
		help=$(sed -n 's/^  schlossctl//p' <<<"$help" | grep -oE -- '--?[a-zA-Z][a-z-]*' | sort -u)
		mapfile -t COMPREPLY < <(compgen -W "$help -F -o --tenant --help" -- "$cur")
		return
	fi
	[[ ${words[0]} != @(apply|diff) ]] || { _schloss_files -f "$cur"; return; }
	case ${#words[@]} in
	0)	help=$("$me" help 2>/dev/null | awk '/^  [a-z]+ +[a-z]+ / && $1 != "schlossctl" || /^         [a-z]/ {print $1}' | sort -u)
		mapfile -t COMPREPLY < <(compgen -W "$help help" -- "$cur") ;;
	1)	help=$("$me" help "${words[0]}" 2>/dev/null | awk -v n="${words[0]}" '$1 == "schlossctl" && $2 == n {print $3}')
		[[ $help != [a-z]* ]] || mapfile -t COMPREPLY < <(compgen -W "$help" -- "$cur") ;;
	esac
}
complete -F _schlossctl schlossctl

_schlossd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	case $prev in
	-c) _schloss_files -f "$cur"; return ;;
	esac
	case ${COMP_WORDS[1]} in
	init) if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "--system --listen --advertise --admin" -- "$cur")
		else
			_schloss_files -d "$cur"
		fi ;;
	passwd) mapfile -t COMPREPLY < <(compgen -W "-c --tenant" -- "$cur") ;;
	cert) mapfile -t COMPREPLY < <(compgen -W "-c --name" -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "init passwd cert -c -t -T --version --help" -- "$cur") ;;
	esac
}
complete -F _schlossd schlossd
